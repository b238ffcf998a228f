"""``python -m minimagen upscale``: any picture through the super-resolution stages."""

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minimagen.cli.flags import Flag, directory, listed, parse_flags, real, whole
from minimagen.cli.inference import weights
from minimagen.cli.leaving import leave_well
from minimagen.cli.pictures import pictures_in, read_picture, size_of
from minimagen.cli.shared import DEVICE, OUTPUT, PRECISION, SEED, named, run_flag
from minimagen.errors import UsageError

if TYPE_CHECKING:  # their imports cost seconds that --help need not wait for
    from minimagen.aspect import Sides
    from minimagen.imagen import Imagen
    from minimagen.upscaling import Enlarging, Told

WHAT, HOW = "what is enlarged", "how it is enlarged"
EACH = "one value, or one for each of these stages as 2,1; default: the stage's own"
IMAGE = Flag(
    "IMAGE",
    "-i",
    WHAT,
    "a picture, or a folder of them; repeatable; one may also stand alone, without the flag",
    directory,
    repeatable=True,
)
FLAGS = (
    IMAGE,
    Flag(
        "CAPTIONS",
        "-c",
        WHAT,
        "what they show: one caption for all, or a .txt file with one a line; default: nothing",
    ),
    run_flag(HOW, alone=False),
    Flag(
        "STAGES",
        "-st",
        HOW,
        "by which stages, as 1,2; default: all but the first",
        listed(whole(1, 99)),
    ),
    Flag("WEIGHTS", "-w", HOW, "as inference.py takes them; default: ema", weights),
    Flag(
        "AUGMENTATION",
        "-a",
        HOW,
        "time of the noise added to the picture, from 0 to 1; 0 trusts every pixel; "
        "default: the stage's own",
        real(0, 1),
    ),
    Flag("GUIDANCE_SCALE", "-g", HOW, f"1 means off; {EACH}", listed(real(0, 1000))),
    Flag("SAMPLER", "-sm", HOW, f"as inference.py takes them; {EACH}", listed(str)),
    Flag("STEPS", "-ns", HOW, f"steps of the sampler; {EACH}", listed(whole(1, 10_000))),
    Flag(
        "TILE",
        None,
        HOW,
        "side of a tile in pixels: less needs less memory and more time, the picture stays the "
        "same; default: 512",
        whole(1, 100_000),
    ),
    OUTPUT,
    DEVICE,
    PRECISION,
    SEED,
)
EXAMPLES = """\
  python -m minimagen upscale photo.png -d training_20261121_101500 -c "a street in the rain"
  python -m minimagen upscale -i pictures/ -d training_20261121_101500 -st 2 -a 0"""


def upscale(options: argparse.Namespace) -> Path:
    """Enlarge pictures and return the directory that was made.

    Raises:
        UsageError: for a picture that is too small, or would become too large; before the first is
            enlarged.
        DataError: for one that is missing, or none.
    """
    if not options.image:
        raise UsageError("--IMAGE: missing; name a picture, or a folder of them")
    from minimagen.cli.drawing import choose_directory
    from minimagen.cli.enlarged import EnlargedImages

    files = pictures_in("--IMAGE", options.image)
    captions = _captions(options.captions, files)
    run = choose_directory(options.training_directory)
    imagen = _loaded(run, options)
    how = {
        "stages": options.stages,
        **{name: _alone(getattr(options, name)) for name in ("sampler", "steps", "guidance_scale")},
        **({} if options.tile is None else {"tile": options.tile}),
    }
    chain = imagen.enlarging(**how)
    becomes = [_becomes(imagen, chain, file) for file in files]
    imagen.encode(captions)  # one that the encoder refuses leaves nothing behind
    settings = _settings(options, imagen, run, chain)
    output = EnlargedImages.create(options.output or Path(), run, captions, settings)
    for number, (file, caption) in enumerate(zip(files, captions, strict=True)):
        picture = read_picture("--IMAGE", file)
        with _bar(file, picture.size, becomes[number]) as told:
            [larger] = imagen.upscale(
                [picture],
                [caption],
                augmentation=options.augmentation,
                seed=options.seed or 0,
                first_number=number,
                told=told,
                **how,
            )
        output.save(number, file, larger)
    output.finish()
    print(f"generated images: {output.path}")
    return output.path


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen upscale", "Enlarge pictures of any size and ratio."
    return leave_well(
        prog, lambda: upscale(parse_flags(prog, about, FLAGS, EXAMPLES, named(argv, FLAGS, "-i")))
    )


def _captions(given: str | None, files: Sequence[Path]) -> list[str]:
    """Return a caption for each picture."""
    if given is None:
        return [""] * len(files)
    from minimagen.cli.prompting import read_captions

    captions = read_captions(given)
    if len(captions) not in (1, len(files)):
        raise UsageError(
            f"--CAPTIONS {given}: {len(captions)} captions for {len(files)} pictures; give one "
            "for all, or one for each"
        )
    return captions if len(captions) == len(files) else captions * len(files)


def _loaded(run: Path, options: argparse.Namespace) -> "Imagen":
    from minimagen.cli.average import prepare_weights
    from minimagen.imagen import Imagen

    kind = options.weights or "ema"
    prepare_weights(run, kind)
    return Imagen.load(run, options.device, weights=kind, precision=options.precision)


def _alone(values: list[Any] | None) -> Any:
    """Take a single value for all stages as such."""
    return values[0] if values is not None and len(values) == 1 else values


def _becomes(imagen: "Imagen", chain: "Sequence[Enlarging]", file: Path) -> "Sides":
    """Return the sides that a picture will have, by its header alone."""
    from minimagen.upscaling import enlarged_sides

    width, height = size_of("--IMAGE", file)
    smallest = imagen.stages[0].config.size
    return enlarged_sides((height, width), chain, smallest, f"--IMAGE {file}")


def _settings(
    options: argparse.Namespace, imagen: "Imagen", run: Path, chain: "Sequence[Enlarging]"
) -> dict[str, Any]:
    """Return all that is needed to enlarge the same pictures again."""
    from minimagen.checkpoint import sha256_of
    from minimagen.weights import weights_path

    kind, own = options.weights or "ema", [one.stage.config.sampling for one in chain]
    files = [weights_path(run, one.stage.index, kind) for one in chain]
    noise = options.augmentation
    return {
        "command": "upscale",
        "training_directory": str(run),
        "weights": kind,
        "weights_sha256": hashlib.sha256("".join(map(sha256_of, files)).encode()).hexdigest(),
        "stages": [one.stage.index for one in chain],
        "seed": options.seed or 0,
        "sampler": [one.how.sampler for one in chain],
        "steps": [one.how.steps for one in chain],
        "guidance_scale": [one.how.guidance_scale for one in chain],
        "augmentation": [how.augmentation if noise is None else noise for how in own],
        "tile": [one.tile_side for one in chain],
        "device": str(imagen.device),
        "precision": imagen.precision,
    }


@contextmanager
def _bar(file: Path, before: tuple[int, int], after: "Sides") -> "Iterator[Told]":
    """Show how far a picture is."""
    from tqdm import tqdm

    sizes = f"{before[0]} x {before[1]} -> {after[1]} x {after[0]}"
    with tqdm(desc=f"{file.name}, {sizes}", unit="step") as bar:

        def told(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)

        yield told
