"""``python -m minimagen compare``: two runs, the same captions and seeds, side by side."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from minimagen.cli.bars import counted
from minimagen.cli.flags import Flag, directory, parse_flags, whole
from minimagen.cli.judging import (
    DATASET,
    FEATURES,
    SAMPLING,
    SIDE,
    WHAT,
    load,
    require_drawable,
    require_matplotlib,
    sampling,
    trained_as,
    write_report,
)
from minimagen.cli.leaving import leave_well
from minimagen.cli.shared import DEVICE, OUTPUT, PRECISION, SEED, named
from minimagen.errors import UsageError

if TYPE_CHECKING:  # their imports cost seconds that --help need not wait for
    from minimagen.evaluation.compare import Comparison
    from minimagen.evaluation.truth import Truth
    from minimagen.imagen import Imagen

PAIRS = 200
FLAGS = (
    Flag("RUN_A", "-ra", WHAT, "one run; both may also stand alone, without flags", directory),
    Flag("RUN_B", "-rb", WHAT, "the other", directory),
    Flag("NUM_IMAGES", "-n", WHAT, f"pictures of each; default: {PAIRS}", whole(6, 1_000_000)),
    Flag(
        "CAPTIONS",
        "-c",
        WHAT,
        "a caption, or a .txt file with one a line, drawn in turn; default: those of pictures that "
        "run A was not trained on",
    ),
    DATASET,
    SIDE,
    *SAMPLING,
    FEATURES,
    OUTPUT,
    DEVICE,
    PRECISION,
    SEED,
)
EXAMPLES = """\
  python -m minimagen compare training_20261121_101500 training_20261121_143000 -s 64
  python -m minimagen compare training_a training_b -n 500 -f dinov2 -g 3"""


def compare(options: argparse.Namespace) -> Path:
    """Compare two runs, print the table, write the report; returns the directory that was made.

    Raises:
        UsageError: for fewer than two runs, or no size that both draw.
        CheckpointError: when there is no such run.
    """
    began = time.monotonic()
    require_matplotlib("compare")
    paths = _paths(options)
    from minimagen.drawing.outputs import new_directory
    from minimagen.evaluation import compare as comparison
    from minimagen.evaluation.evaluate import Plan
    from minimagen.evaluation.features import load_features
    from minimagen.evaluation.truth import Truth
    from minimagen.runtime import pick_device

    runs = [load(path, options) for path in paths]
    size = options.img_side_len or _shared_size(runs)
    plan = Plan(
        pictures=options.num_images or PAIRS,
        size=size,
        seed=options.seed or 0,
        batch_size=options.batch_size,
        how=sampling(options),
    )
    truth = Truth.of(trained_as(paths[0], options.dataset), size)
    captions = _captions(options, truth)
    for imagen in runs:
        require_drawable(imagen, captions, plan, are_its_own=options.captions is None)
    network = load_features(options.features or "tiny", pick_device(options.device))
    folder = new_directory(options.output or Path(), "comparison")
    named_runs = {f"A: {paths[0].name}": runs[0], f"B: {paths[1].name}": runs[1]}
    found = comparison.compare(named_runs, captions, truth, network, plan, folder, counted)
    facts = {
        "command": f"minimagen {' '.join(sys.argv[1:])}",
        "a": paths[0].resolve().name,
        "b": paths[1].resolve().name,
        "weights": options.weights or "ema",
        "pictures_of_each": plan.pictures,
        "size": size,
        "seed": plan.seed,
        "dataset": truth.data.dataset,
        "features": network.identity,
        "seconds": round(time.monotonic() - began, 1),
    }
    _write(folder, facts, found)
    return folder


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen compare", "Tell which of two runs is better."
    return leave_well(
        prog, lambda: compare(parse_flags(prog, about, FLAGS, EXAMPLES, both_named(argv)))
    )


def both_named(argv: Sequence[str]) -> list[str]:
    """Put their flags before two runs that stand alone."""
    return named(named(argv, FLAGS, "-ra"), FLAGS, "-rb")


def _paths(options: argparse.Namespace) -> tuple[Path, Path]:
    if options.run_a is None or options.run_b is None:
        missing = "RUN_A" if options.run_a is None else "RUN_B"
        raise UsageError(f"--{missing}: missing; name two training directories")
    from minimagen.release.finding import find_model

    return find_model(str(options.run_a)), find_model(str(options.run_b))


def _shared_size(runs: "Sequence[Imagen]") -> int:
    sizes = [{stage.config.size for stage in imagen.stages} for imagen in runs]
    both = sizes[0] & sizes[1]
    if not both:
        listed = " and ".join(", ".join(map(str, sorted(each))) for each in sizes)
        raise UsageError(f"--RUN_B: draws at no size that --RUN_A does ({listed} px)")
    return max(both)


def _captions(options: argparse.Namespace, truth: "Truth") -> list[str]:
    from minimagen.cli.prompting import read_captions

    return truth.captions if options.captions is None else read_captions(options.captions)


def _write(folder: Path, facts: dict[str, object], found: "Comparison") -> None:
    from minimagen.evaluation.report.compared import COLUMNS, plain, rows_of, sections_of

    title = f"{facts['a']} beside {facts['b']}"
    page = write_report(folder, title, facts, plain(facts, found), sections_of(found))
    rows = [COLUMNS, *rows_of(found.differences)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    print(page)
