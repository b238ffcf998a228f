"""``python -m minimagen release``: a trained cascade made ready to be handed on."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from minimagen.cli.flags import Flag, choice, directory, parse_flags, whole
from minimagen.cli.inference import weights
from minimagen.cli.leaving import leave_well
from minimagen.cli.shared import DEVICE, SEED, in_bytes, named, run_flag
from minimagen.errors import UsageError

if TYPE_CHECKING:  # its imports cost seconds that --help need not wait for
    from minimagen.packing import Dtype

WHAT, SAID, WHERE = "what is handed on", "what its card says", "where to"
SAMPLES, MEASURED = 8, 64
FLAGS = (
    run_flag(WHAT),
    Flag("WEIGHTS", "-w", WHAT, "as inference.py takes them; default: ema", weights),
    Flag(
        "DTYPE",
        "-dt",
        WHAT,
        "how weights are stored: fp32, bf16, fp16 or int8; default: bf16",
        choice("fp32", "bf16", "fp16", "int8"),
    ),
    Flag("NAME", None, SAID, "what it is called; default: the run's directory"),
    Flag("ABOUT", None, SAID, "what it is, in a sentence; default: what its parameters say"),
    Flag("LICENCE", None, SAID, "as the Hub spells it; default: mit", aliases=("license",)),
    Flag(
        "CAPTIONS",
        "-c",
        SAID,
        "a .txt file of captions for the sheet of samples, one a line; default: held-out ones of "
        "the built-in data",
    ),
    Flag("SAMPLES", None, SAID, f"pictures on the sheet; default: {SAMPLES}", whole(0, 64)),
    Flag(
        "MEASURE",
        None,
        SAID,
        "held-out captions of the built-in data that are drawn and judged at the base's size; "
        f"default: {MEASURED}",
        whole(0, 10_000),
    ),
    Flag(
        "OUTPUT",
        "-o",
        WHERE,
        "the directory that is made, or replaced if it is a release; default: released_<TIMESTAMP> "
        "of the run's own",
        directory,
    ),
    Flag("PUSH", None, WHERE, "put it on the Hugging Face Hub too, as ORGANISATION/NAME"),
    Flag("PRIVATE", None, WHERE, "a new one there is seen by its owner alone", switch=True),
    DEVICE,
    SEED,
)
EXAMPLES = """\
  python -m minimagen release training_20261121_101500 -o shapes --dtype int8 --measure 256
  python -m minimagen release shapes --push organisation/shapes"""


def release(options: argparse.Namespace) -> None:
    """Make a release of a run, put it on the Hub, or both.

    Raises:
        UsageError: for flags that do not go together, or an output that is something else.
        CheckpointError: when there is no such run, or the release does not verify.
        HubError: when the Hub does not do it.
    """
    if options.training_directory is None:
        raise UsageError("--TRAINING_DIRECTORY: missing; name the training_<TIMESTAMP> to hand on")
    from minimagen.release.finding import find_model
    from minimagen.release.manifest import is_release

    run = find_model(str(options.training_directory))
    made = run
    if options.output is not None or not is_release(run):
        made = _made(run, options)
    elif options.push is None:
        raise UsageError(f"{run}: is a release already; give -o to make another, or --PUSH")
    else:
        _refuse_beside_push(options)
    if options.push is not None:
        from minimagen.release.hub import push

        commit = push(made, options.push, private=bool(options.private))
        print(f"on the Hub: hf:{options.push}@{commit}")


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen release", "Make a trained cascade ready to be handed on."
    return leave_well(
        prog, lambda: release(parse_flags(prog, about, FLAGS, EXAMPLES, named(argv, FLAGS)))
    )


def _refuse_beside_push(options: argparse.Namespace) -> None:
    """Refuse what would change a release that is only to be put on the Hub."""
    for name, value in vars(options).items():
        if value is not None and name not in ("training_directory", "push", "private"):
            raise UsageError(
                f"--{name.upper()}: means nothing for a release that is only put on the Hub; give "
                "-o to make another"
            )


def _made(run: Path, options: argparse.Namespace) -> Path:
    """Make a release of a run; what is drawn and measured are the weights as they are stored."""
    from minimagen.cli.average import prepare_weights
    from minimagen.cli.presenting import (
        Said,
        measure,
        presented,
        sheet,
        shown_captions,
        tell_what_is_missing,
    )
    from minimagen.imagen import Imagen
    from minimagen.release.manifest import release_id
    from minimagen.release.writing import require_room

    output = options.output or Path(f"released_{run.resolve().name.removeprefix('training_')}")
    require_room(output)
    dtype: Dtype = options.dtype or "bf16"
    kind, seed = options.weights or "ema", options.seed or 0
    captions = shown_captions(run, options.captions, options.samples)
    prepare_weights(run, kind)
    imagen = Imagen.load(run, options.device, weights=kind, precision="no").stored_as(dtype)
    tell_what_is_missing(imagen)
    measured = measure(imagen, run, options.measure, seed)
    own = Said(options.name, options.about, options.licence)
    about = presented(imagen, run, captions, measured, own)
    training = run / "parameters" / "training_params.json"
    said = imagen.save_pretrained(
        output,
        dtype=dtype,
        about=about,
        samples=sheet(imagen, captions, seed) if captions else None,
        training=training.read_text(encoding="utf-8") if training.is_file() else None,
    )
    print(f"release: {output}, {said.dtype}, {in_bytes(said.size)}, {release_id(output)}")
    return output
