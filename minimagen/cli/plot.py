"""``python -m minimagen plot``: a picture of a run, also while it goes on."""

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from minimagen.cli.flags import Flag, directory, parse_flags
from minimagen.cli.leaving import leave_well
from minimagen.cli.shared import named, run_flag
from minimagen.errors import CheckpointError, UsageError

WHAT = "what is drawn"
FLAGS = (
    run_flag(WHAT),
    Flag("OUTPUT", "-o", WHAT, "the PNG file; default: run.png in the directory", directory),
)
EXAMPLES = """\
  python -m minimagen plot training_20261121_101500
  python -m minimagen plot training_20261121_101500 -o run.png"""


def plot(options: argparse.Namespace) -> None:
    """Draw a run's measurements and print where the picture is.

    Raises:
        CheckpointError: when this is no training directory.
        UsageError: when matplotlib is missing, or the picture cannot be written.
    """
    run: Path | None = options.training_directory
    if run is None:
        raise UsageError("--TRAINING_DIRECTORY: missing; name the training_<TIMESTAMP> to draw")
    if not (run / "training_progress.txt").is_file():
        raise CheckpointError(f"{run}: no training directory; name one that train.py made")
    if find_spec("matplotlib") is None:
        raise UsageError("plot: needs matplotlib; pip install 'minimagen[plot]'")
    from minimagen.training.records.plot import draw_run

    target = options.output or run / "run.png"
    try:
        draw_run(run).savefig(target, format="png")
    except OSError as error:
        raise UsageError(
            f"--OUTPUT {target}: cannot be written ({error.strerror}); name a file elsewhere"
        ) from None
    print(target)


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen plot", "Draw a training directory's measurements."
    return leave_well(
        prog, lambda: plot(parse_flags(prog, about, FLAGS, EXAMPLES, named(argv, FLAGS)))
    )
