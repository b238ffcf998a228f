"""``python -m minimagen look``: inside a drawing, or what the networks make of a picture."""

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from minimagen.cli.flags import Flag, choice, directory, listed, parse_flags, real, whole
from minimagen.cli.inference import weights
from minimagen.cli.leaving import leave_well
from minimagen.cli.pictures import read_picture
from minimagen.cli.shared import DEVICE, OUTPUT, PRECISION, SEED, named, run_flag
from minimagen.drawing.outputs import new_directory
from minimagen.errors import UsageError

if TYPE_CHECKING:  # their imports cost seconds that --help need not wait for
    from PIL import Image

    from minimagen.imagen import Imagen
    from minimagen.looking.subjects import Subject

VIEWS = "attention", "words", "trajectory", "loss"
OF_A_PICTURE = "attention", "words", "loss"
WHAT, HOW = "what is looked at", "how it is drawn"
FLAGS = (
    run_flag(WHAT),
    Flag("CAPTION", "-c", WHAT, "what is drawn; with --IMAGE, what that shows"),
    Flag("IMAGE", "-i", WHAT, "look at this picture; default: one that is drawn", directory),
    Flag("STAGES", "-st", WHAT, "at which stages, as 0,2; default: 0", listed(whole(0, 99))),
    Flag(
        "ONLY",
        None,
        WHAT,
        f"some of {', '.join(VIEWS)}, as attention,loss; default: all",
        listed(choice(*VIEWS)),
    ),
    Flag("FILM", None, WHAT, "the trajectory as apng or gif; default: apng", choice("apng", "gif")),
    Flag("WEIGHTS", "-w", WHAT, "as inference.py takes them; default: ema", weights),
    Flag("GUIDANCE_SCALE", "-g", HOW, "1 means off; default: the stage's own", real(0, 1000)),
    Flag("SAMPLER", "-sm", HOW, "as inference.py takes them; default: the stage's own"),
    Flag("STEPS", "-ns", HOW, "steps of the sampler; default: the stage's own", whole(1, 10_000)),
    OUTPUT,
    DEVICE,
    PRECISION,
    SEED,
)
EXAMPLES = """\
  python -m minimagen look training_20261121_101500 -c "a red circle left of a blue square"
  python -m minimagen look training_20261121_101500 -i photo.png -c "a street" --only loss"""


def look(options: argparse.Namespace) -> Path:
    """Look and return the directory that was made.

    Raises:
        UsageError: for flags that do not go together, or a view that cannot be had.
    """
    views = _views(options)
    if "loss" in views and find_spec("matplotlib") is None:
        raise UsageError("look: the loss is plotted by matplotlib; pip install 'minimagen[plot]'")
    from minimagen.cli.drawing import choose_directory
    from minimagen.imagen import Imagen

    picture = None if options.image is None else read_picture("--IMAGE", options.image)
    caption = options.caption or ""
    run = choose_directory(options.training_directory)
    imagen = Imagen.load(
        run, options.device, weights=options.weights or "ema", precision=options.precision
    )
    subjects = _subjects(imagen, options, picture, caption)
    folder = new_directory(options.output or Path(), "looked_inside")
    _write(folder, imagen, subjects, views, caption, options)
    print(folder)
    return folder


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen look", "Look inside a drawing, or at a picture."
    return leave_well(
        prog, lambda: look(parse_flags(prog, about, FLAGS, EXAMPLES, named(argv, FLAGS)))
    )


def _views(options: argparse.Namespace) -> Sequence[str]:
    """Settle what is looked at, and refuse flags that would do nothing."""
    if options.image is None:
        if options.caption is None:
            raise UsageError("--CAPTION: missing; say what to draw, or give an --IMAGE to look at")
        return options.only or VIEWS
    for flag in ("guidance_scale", "sampler", "steps", "film"):
        if getattr(options, flag) is not None:
            raise UsageError(f"--{flag.upper()}: means nothing with --IMAGE, which is not drawn")
    if "trajectory" in (options.only or ()):
        raise UsageError("--ONLY trajectory: --IMAGE is not drawn, so it has none; leave one out")
    return options.only or OF_A_PICTURE


def _subjects(
    imagen: "Imagen", options: argparse.Namespace, picture: "Image.Image | None", caption: str
) -> "list[Subject]":
    """Draw the picture, or take the one that is there."""
    from minimagen.looking.subjects import drawn, given

    seed, stages = options.seed or 0, options.stages or [0]
    if picture is not None:
        return given(imagen, picture, caption, stages, seed)
    how = {name: getattr(options, name) for name in ("guidance_scale", "sampler", "steps")}
    return drawn(imagen, caption, stages, seed=seed, **how)


def _write(
    folder: Path,
    imagen: "Imagen",
    subjects: "Sequence[Subject]",
    views: Sequence[str],
    caption: str,
    options: argparse.Namespace,
) -> None:
    from minimagen.looking.report import (
        write_attention,
        write_losses,
        write_pictures,
        write_trajectory,
        write_words,
    )
    from minimagen.looking.words import shorter

    write_pictures(folder, subjects)
    read = [True]
    if "attention" in views:
        pieces = imagen.pieces(caption)
        read = [write_attention(folder, one, pieces) for one in subjects]
    if "words" in views:
        words = shorter(imagen, caption)
        read = [write_words(folder, one, words) for one in subjects]
    if not any(read):
        print("these stages read no captions, so there are no maps of tokens and words")
    if "trajectory" in views:
        write_trajectory(folder, subjects, ".gif" if options.film == "gif" else ".png")
    if "loss" in views:
        write_losses(folder, subjects, caption, options.seed or 0)
