"""``python -m minimagen export``: the networks of a cascade as graphs, for other programs."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from minimagen.cli.flags import Flag, choice, directory, parse_flags
from minimagen.cli.inference import weights
from minimagen.cli.leaving import leave_well
from minimagen.cli.shared import in_bytes, named, run_flag
from minimagen.errors import UsageError

WHAT = "what is exported"
FLAGS = (
    run_flag(WHAT),
    Flag("WEIGHTS", "-w", WHAT, "as inference.py takes them; default: ema", weights),
    Flag(
        "FORMAT",
        "-f",
        WHAT,
        "onnx, which onnxruntime and others run, or torch, for torch.export.load; default: onnx",
        choice("onnx", "torch"),
    ),
    Flag("OUTPUT", "-o", WHAT, "the directory that is made; it must not exist yet", directory),
)
EXAMPLES = """\
  python -m minimagen export training_20261121_101500 -o exported
  python -m minimagen export -d training_20261121_101500 -o programs --format torch"""


def export(options: argparse.Namespace) -> Path:
    """Export a cascade, and say how near its graphs come to it.

    Raises:
        UsageError: for what is missing on the command line or not installed, or a directory that
            exists.
        CheckpointError: when the cascade cannot be loaded.
    """
    run, output = options.training_directory, options.output
    if run is None:
        raise UsageError("--TRAINING_DIRECTORY: missing; name the cascade to export")
    if output is None:
        raise UsageError("--OUTPUT: missing; name the directory to make")
    form: Literal["onnx", "torch"] = options.format or "onnx"
    from minimagen.cli.average import prepare_weights
    from minimagen.cli.drawing import choose_directory
    from minimagen.export import export_cascade, require_form
    from minimagen.imagen import Imagen

    require_form(form)
    run, kind = choose_directory(run), options.weights or "ema"
    prepare_weights(run, kind)
    imagen = Imagen.load(run, "cpu", weights=kind, precision="no")
    for graph in export_cascade(imagen, output, form):
        print(
            f"{output / graph.file}: {in_bytes(graph.size)}, answers at most "
            f"{graph.difference:.1e} from the network's"
        )
    return Path(output)


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen export", "Turn the networks of a cascade into graphs."
    return leave_well(
        prog, lambda: export(parse_flags(prog, about, FLAGS, EXAMPLES, named(argv, FLAGS)))
    )
