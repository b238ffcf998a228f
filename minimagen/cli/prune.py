"""``python -m minimagen prune``: a cascade with fewer channels inside of its blocks."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from minimagen.cli.flags import Flag, directory, listed, parse_flags, real, whole
from minimagen.cli.inference import weights
from minimagen.cli.leaving import leave_well
from minimagen.cli.shared import DEVICE, SEED, named, run_flag
from minimagen.errors import UsageError

if TYPE_CHECKING:  # its imports cost seconds that --help need not wait for
    from minimagen.imagen import Imagen
    from minimagen.stage import Stage

WHAT, HOW = "what is pruned", "how, and where"
KEEP = 0.5
FLAGS = (
    run_flag(WHAT),
    Flag("WEIGHTS", "-w", WHAT, "as inference.py takes them; default: ema", weights),
    Flag("STAGES", "-st", WHAT, "which stages, as 0,2; default: all", listed(whole(0, 99))),
    Flag(
        "KEEP",
        "-k",
        HOW,
        f"share of the channels inside of blocks that is kept, in (0, 1]; default: {KEEP}",
        real(0, 1, above=True),
    ),
    Flag(
        "CAPTIONS",
        "-c",
        HOW,
        "drawn to measure what each channel is good for: a .txt file with some dozens of captions "
        "as it will be asked, one a line",
    ),
    Flag("OUTPUT", "-o", HOW, "the directory that is made; it must not exist yet", directory),
    DEVICE,
    SEED,
)
EXAMPLES = """\
  python -m minimagen prune training_20261121_101500 -c captions.txt -o smaller --keep 0.5
  python inference.py -d smaller -c "a red circle\""""


def prune(options: argparse.Namespace) -> Path:
    """Prune a cascade and save what is left, as ``inference.py -d`` takes it.

    Raises:
        UsageError: for what is missing on the command line, or a directory that exists.
        CheckpointError: when the cascade cannot be loaded.
    """
    run, output = options.training_directory, options.output
    for name, value in (("TRAINING_DIRECTORY", run), ("OUTPUT", output)):
        if value is None:
            raise UsageError(f"--{name}: missing; see python -m minimagen prune --help")
    if options.captions is None:
        raise UsageError("--CAPTIONS: missing; give some dozens of captions to measure on")
    if output.exists():
        raise UsageError(f"--OUTPUT {output}: exists; name a directory that is to be made")
    from minimagen.cli.average import prepare_weights
    from minimagen.cli.drawing import choose_directory
    from minimagen.cli.prompting import read_captions
    from minimagen.export import pruned
    from minimagen.imagen import Imagen

    captions, kind = read_captions(options.captions), options.weights or "ema"
    run = choose_directory(run)
    prepare_weights(run, kind)
    imagen = Imagen.load(run, options.device, weights=kind, precision="no")
    keep = KEEP if options.keep is None else options.keep
    smaller = pruned(imagen, keep, captions, stages=options.stages, seed=options.seed or 0)
    _save(smaller, run, output)
    for before, after in zip(imagen.stages, smaller.stages, strict=True):
        print(f"{before.config.size} px: {_weights(before):,} -> {_weights(after):,} weights")
    print(f"pruned cascade: {output}")
    return Path(output)


def _save(imagen: "Imagen", run: Path, output: Path) -> None:
    """Write a cascade; with how it was trained, so that it can be trained on."""
    from minimagen.checkpoint import replacing, write_bytes

    training = run / "parameters" / "training_params.json"
    with replacing(output.resolve(), 0) as building:
        imagen.save(building)
        if training.is_file():
            write_bytes(building / "parameters" / training.name, training.read_bytes())


def _weights(stage: "Stage") -> int:
    return sum(weight.numel() for weight in stage.network.parameters())


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen prune", "Make a trained cascade smaller and faster."
    return leave_well(
        prog, lambda: prune(parse_flags(prog, about, FLAGS, EXAMPLES, named(argv, FLAGS)))
    )
