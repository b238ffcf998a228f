"""Several models side by side: the same captions and seeds, on one sheet and in one table."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from PIL import Image
from tqdm import tqdm

from minimagen.checkpoint import write_text
from minimagen.cli.prompting import read_captions
from minimagen.cli.shared import in_bytes
from minimagen.drawing.outputs import new_directory
from minimagen.errors import UsageError
from minimagen.evaluation.enlargement import psnr
from minimagen.grid import captioned_grid
from minimagen.imagen import Imagen, from_picture
from minimagen.release.finding import find_model
from minimagen.release.manifest import SHORT, Release, is_release, read_release, release_id

CELL, COLUMNS = 160, 2  # of the sheet: pixels of a picture, captions in a row


@dataclass(frozen=True)
class Compared:
    """A model of a comparison.

    Args:
        name: as it was asked for.
        id: the beginning of its identity; empty for what is no release.
        dtype: how its weights are stored; likewise.
        bytes: of all that loading reads; None likewise.
        decibels: how near its pictures come to the first one's, as a peak signal-to-noise ratio;
            None for the first one, for others of its size exactly alike, and for other sizes.
        same: pictures that are the first one's to the byte.
    """

    name: str
    id: str
    dtype: str
    bytes: int | None
    decibels: float | None
    same: int


def compare_models(
    words: Sequence[str],
    *,
    captions: str | None,
    size: int | None,
    seed: int,
    device: str | None,
    output: Path,
) -> Path:
    """Draw the same captions with several models and return the directory that was made.

    Args:
        words: models, as :func:`find_model` takes them.
        captions: as ``--CAPTIONS`` takes them; None are those of the first release's samples.
        size: of the stage to stop after; None is each one's last.
        seed: of all draws.
        device: as torch names it; None is the best there is.
        output: where the directory is made.

    Raises:
        CheckpointError: when there is no such model, or it does not verify.
        UsageError: when no captions are known.
    """
    paths = [find_model(word) for word in words]
    releases = [read_release(path) if is_release(path) else None for path in paths]
    drawn_captions = _captions(captions, releases)
    drawn: list[list[Image.Image]] = []
    for path in tqdm(paths, "drawing", unit="model"):
        imagen = Imagen.load(path, device)
        drawn.append(imagen.generate(drawn_captions, size=size, seed=seed))
    found = [
        _compared(word, path, release, drawn[0], pictures)
        for word, path, release, pictures in zip(words, paths, releases, drawn, strict=True)
    ]
    directory = new_directory(output, "compared_models")
    sheet = captioned_grid(
        zip(*drawn, strict=True), drawn_captions, cell=CELL, columns=COLUMNS, headings=words
    )
    sheet.save(directory / "sheet.png")
    record = {"captions": drawn_captions, "seed": seed, "models": [asdict(one) for one in found]}
    write_text(directory / "compared.json", json.dumps(record, indent=2) + "\n")
    for one in found:
        print(_line(one, len(drawn_captions)))
    return directory


def _captions(given: str | None, releases: Sequence[Release | None]) -> list[str]:
    if given is not None:
        return read_captions(given)
    known = next((list(one.about.captions) for one in releases if one and one.about.captions), [])
    if not known:
        raise UsageError("--CAPTIONS: missing; none of these models says what it was shown with")
    return known


def _compared(
    word: str,
    path: Path,
    release: Release | None,
    first: Sequence[Image.Image],
    pictures: Sequence[Image.Image],
) -> Compared:
    return Compared(
        name=word,
        id="" if release is None else release_id(path)[:SHORT],
        dtype="" if release is None else release.dtype,
        bytes=None if release is None else release.size,
        decibels=None if pictures is first else decibels(first, pictures),
        same=sum(
            one.tobytes() == other.tobytes() for one, other in zip(first, pictures, strict=True)
        ),
    )


def decibels(first: Sequence[Image.Image], others: Sequence[Image.Image]) -> float | None:
    """Return the peak signal-to-noise ratio of all pictures together.

    None where pictures have other sizes, or are exactly alike.
    """
    if any(one.size != other.size for one, other in zip(first, others, strict=True)):
        return None
    one, other = (
        torch.cat([from_picture(picture) for picture in some]).reshape(1, -1)
        for some in (first, others)
    )
    found = psnr(one, other).item()
    return None if math.isinf(found) else found


def _line(one: Compared, count: int) -> str:
    size = "" if one.bytes is None else f", {one.id}, {one.dtype}, {in_bytes(one.bytes)}"
    near = "" if one.decibels is None else f", {one.decibels:.1f} dB"
    return f"{one.name}{size}: {one.same} of {count} pictures are the first one's{near}"
