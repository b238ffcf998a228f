"""``python -m minimagen average``: an average of any length, made of a run's snapshots."""

import argparse
from collections.abc import Sequence
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from minimagen.cli.flags import Flag, listed, parse_flags, whole
from minimagen.cli.leaving import leave_well
from minimagen.cli.shared import named, run_flag, sigma_rel
from minimagen.errors import UsageError

if TYPE_CHECKING:  # its imports cost seconds that --help need not wait for
    from minimagen.training.averaging import Made

WHAT = "what is made"
FLAGS = (
    run_flag(WHAT),
    Flag(
        "SIGMA_REL",
        "-sr",
        WHAT,
        "length of the average as a share of the training, in (0, 0.28]; or several, as 0.05,0.08",
        listed(sigma_rel),
    ),
    Flag(
        "STAGES",
        "-st",
        WHAT,
        "of which stages, as 0,2; default: all that have snapshots",
        listed(whole(0, 99)),
    ),
)
EXAMPLES = """\
  python -m minimagen average training_20261121_101500 --sigma-rel 0.08
  python inference.py -d training_20261121_101500 -w ema:0.08"""


def average(options: argparse.Namespace) -> None:
    """Make every average that is asked for, and say how near it comes.

    Raises:
        CheckpointError: when there are no snapshots.
        UsageError: when they lie too far from what is asked for.
    """
    from minimagen.training.averaging import make_average, stages_with_snapshots

    run = options.training_directory
    if run is None:
        raise UsageError("--TRAINING_DIRECTORY: missing; name the training_<TIMESTAMP> to average")
    if options.sigma_rel is None:
        raise UsageError("--SIGMA_REL: missing; give a length, as 0.08")
    for stage in options.stages or stages_with_snapshots(run):
        for length in options.sigma_rel:
            _tell(make_average(run, stage, length))


def prepare_weights(run: Path, weights: str) -> None:
    """Make the averages that weights like ``ema:0.08`` name, where snapshots are newer than files.

    Args:
        run: the training directory.
        weights: as ``weights_path`` takes them.

    Raises:
        CheckpointError: when a fitted stage has neither a file nor snapshots.
        UsageError: when the snapshots lie too far from what is asked for.
    """
    _, is_length, length = weights.partition(":")
    if not is_length:
        return
    from minimagen.training.averaging import ensure_average
    from minimagen.weights import weights_path

    for stage in takewhile(lambda index: weights_path(run, index).is_file(), count()):
        made = ensure_average(run, stage, float(length))
        if made is not None:
            _tell(made)


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen average", "Make an average of the weights after training."
    return leave_well(
        prog, lambda: average(parse_flags(prog, about, FLAGS, EXAMPLES, named(argv, FLAGS)))
    )


def _tell(made: "Made") -> None:
    for complaint in made.complaints:
        print(f"left out: {complaint}")
    print(
        f"{made.path}: after step {made.note.step}, of {made.snapshots} snapshots, "
        f"{made.mismatch:.2%} off its profile"
    )
