"""What a release's card and sheet of samples show: captions, measurements, where it comes from."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from minimagen.cli.prompting import read_captions
from minimagen.cli.release import MEASURED, SAMPLES
from minimagen.data.world import Variant
from minimagen.errors import UsageError
from minimagen.grid import captioned_grid
from minimagen.imagen import Imagen
from minimagen.release.manifest import About, Measured, is_release, read_release
from minimagen.release.writing import lacks_encoder
from minimagen.text.encoders import called
from minimagen.training.config import TrainingConfig
from minimagen.training.provenance import data_of, provenance_of

CELL, COLUMNS = 192, 4  # of the sheet: pixels of a picture, pictures in a row


@dataclass(frozen=True)
class Said:
    """What whoever makes a release says of it; None is what is known already.

    Args:
        name: what it is called.
        text: what it is.
        licence: as the Hub spells it.
    """

    name: str | None = None
    text: str | None = None
    licence: str | None = None


def shown_captions(run: Path, given: str | None, count: int | None) -> list[str]:
    """Return the captions of the sheet of samples.

    Args:
        run: of built-in data, whose held-out captions are shown unless others are given.
        given: as ``--CAPTIONS`` takes them.
        count: at most so many; None is ``SAMPLES``.

    Raises:
        UsageError: when some are asked for and none are known.
    """
    wanted = SAMPLES if count is None else count
    if given is not None:
        return read_captions(given)[:wanted]
    variant = variant_of(run)
    if variant is not None:
        from minimagen.evaluation.held_out import asked

        return asked(variant, wanted)
    if count:
        raise UsageError(
            f"--SAMPLES {count}: {run} was not trained on the built-in data, whose captions are "
            "known; give some with --CAPTIONS"
        )
    print("no -c given: the card shows no samples")
    return []


def variant_of(run: Path) -> Variant | None:
    """Return which built-in scenes a run was trained on; None for other data, or none known."""
    if not (run / "parameters" / "training_params.json").is_file():
        return None
    data = TrainingConfig.read(run / "parameters").data
    return data.shapes.variant if data.dataset == "shapes" else None


def measure(imagen: Imagen, run: Path, count: int | None, seed: int) -> list[Measured]:
    """Draw held-out captions of the built-in data, judge them, and say what was found.

    Args:
        imagen: draws them.
        run: what it was trained on is known from it.
        count: of captions, at most; None is ``MEASURED``, and none of other data.
        seed: of all draws.

    Raises:
        UsageError: when some are asked for and the run is of other data.
    """
    variant = variant_of(run)
    if variant is None and count:
        raise UsageError(f"--MEASURE {count}: {run} was not trained on the built-in data")
    if variant is None or count == 0:
        return []
    from minimagen.evaluation.held_out import accuracy, asked, drawn

    captions = asked(variant, MEASURED if count is None else count)
    bar = tqdm(drawn(imagen, captions, seed), "measuring", len(captions), unit="picture")
    found = accuracy(list(bar), captions, variant, imagen.stages[0].config.size)
    for one in found:
        print(f"{one.what}: {one.share:.2f} [{one.low:.2f}, {one.high:.2f}] of {one.count} right")
    return found


def presented(
    imagen: Imagen, run: Path, captions: Sequence[str], measured: Sequence[Measured], said: Said
) -> About:
    """Put together what the card says.

    Args:
        imagen: is handed on.
        run: that it comes from, or an earlier release, whose origin is kept.
        captions: on the sheet.
        measured: on held-out captions.
        said: what its maker says of it.
    """
    about = read_release(run).about if is_release(run) else _about_run(imagen, run)
    own = {name: value for name, value in asdict(said).items() if value is not None}
    return replace(about, captions=tuple(captions), measured=tuple(measured), **own)


def _about_run(imagen: Imagen, run: Path) -> About:
    return About(
        name=run.resolve().name.replace("training_", "minimagen "),
        text=imagen.config.imagen.about,
        data=data_of(run),
        provenance=provenance_of(run),
    )


def sheet(imagen: Imagen, captions: Sequence[str], seed: int) -> Image.Image:
    """Draw captions one after the other, with numbers from 0."""
    drawn = (
        imagen.generate([caption], seed=seed, first_number=number)
        for number, caption in enumerate(tqdm(captions, "drawing samples", unit="picture"))
    )
    return captioned_grid(drawn, captions, cell=CELL, columns=COLUMNS)


def tell_what_is_missing(imagen: Imagen) -> None:
    """Say what whoever gets the release needs besides."""
    encoder = imagen.text_encoder
    if encoder is not None and lacks_encoder(encoder):
        print(f"the text encoder {called(encoder)} is not in the release, only named in it")
