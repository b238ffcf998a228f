"""From the flags of ``inference.py`` to one edit, with every complaint naming a flag and a file."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from minimagen.aspect import Sides
from minimagen.drawing.edits import (
    EditRecord,
    ImageToImage,
    Inpainting,
    Inversion,
    Outpainting,
    Region,
    Regions,
    Towards,
)
from minimagen.drawing.inputs import Inputs, content_of, name_of
from minimagen.drawing.pictures import WHITE, centred, opened
from minimagen.editing.outpainting import box_within
from minimagen.errors import DataError, UsageError

if TYPE_CHECKING:
    from PIL import Image

STRENGTH, INVERTED = 0.6, 1.0  # defaults: some of the picture is left; all of it is taken back
RESAMPLED = 2  # docs/how-to/inpaint.md has what one time less and more does
NEEDS = {  # a flag, and those of which one must be given with it
    "strength": ("image",),
    "mask": ("image",),
    "margin": ("image",),
    "source_caption": ("image",),
    "resample": ("mask", "margin"),
    "amount": ("towards_caption", "towards_seed"),
}
ALONE = {  # flags that each stand for an edit, and what else they take
    "mask": ("image", "resample"),
    "margin": ("image", "resample"),
    "source_caption": ("image", "strength"),
    "towards_caption": ("amount",),
    "towards_seed": ("amount",),
    "region": (),
    "image": ("strength", "mask", "margin", "source_caption", "resample"),
}
ALL = tuple(dict.fromkeys((*NEEDS, *ALONE)))


class Files:
    """The pictures and masks that flags name, collected under the names they are kept by."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def take(self, flag: str, path: Path) -> tuple[str, "Image.Image"]:
        """Read a file and return the name it is kept by, and its picture.

        Raises:
            DataError: when it cannot be read, or is no picture.
        """
        called = f"{_spelt(flag)} {path}"
        content = content_of(path, called)
        picture = opened(content, called)
        name = name_of(content, path)
        self._contents[name] = content
        return name, picture

    @property
    def inputs(self) -> Inputs:
        """All that was taken."""
        return Inputs(self._contents)


def read_edit(options: argparse.Namespace) -> tuple[EditRecord | None, Inputs]:
    """Settle what is done with a picture or with the noise, and read the files of that.

    Args:
        options: the command line of ``inference.py``.

    Raises:
        UsageError: for flags that mean nothing together.
        DataError: for a picture or a mask that cannot be read, or do not go together.
    """
    _require_sense(options)
    files = Files()
    for given, make in _MAKERS.items():
        if getattr(options, given) is not None:
            return make(options, files), files.inputs
    return None, files.inputs


def tell_cut(record: EditRecord | None, inputs: Inputs, sides: Sides) -> None:
    """Say so when a picture has another size than the images.

    Args:
        record: the edit.
        inputs: its pictures.
        sides: height and width of the images; around a margin, of what is left of them.
    """
    if record is None or not hasattr(record, "image"):
        return
    if isinstance(record, Outpainting):
        _, sides = box_within(sides, record.margins)
    picture, (height, width) = inputs.picture(record.image), sides
    if picture.size != (width, height):
        part = centred(picture, sides)
        used = "it" if part.size == picture.size else f"its middle, {part.width} x {part.height},"
        came = f"{picture.width} x {picture.height} pixels"
        print(f"--IMAGE: {came}; {used} is resized to {width} x {height}")


def _image_to_image(options: argparse.Namespace, files: Files) -> EditRecord:
    name, _ = files.take("image", options.image)
    return ImageToImage(image=name, strength=options.strength or STRENGTH)


def _inpainting(options: argparse.Namespace, files: Files) -> EditRecord:
    image, picture = files.take("image", options.image)
    name, mask = files.take("mask", options.mask)
    if mask.size != picture.size:
        raise DataError(
            f"--MASK {options.mask}: is {mask.width} x {mask.height} pixels and --IMAGE "
            f"{options.image} {picture.width} x {picture.height}; make them the same size"
        )
    _require_white("mask", options.mask, mask)
    return Inpainting(image=image, mask=name, resample=options.resample or RESAMPLED)


def _outpainting(options: argparse.Namespace, files: Files) -> EditRecord:
    image, _ = files.take("image", options.image)
    return Outpainting(image=image, margins=options.margin, resample=options.resample or RESAMPLED)


def _inversion(options: argparse.Namespace, files: Files) -> EditRecord:
    image, _ = files.take("image", options.image)
    return Inversion(
        image=image,
        source_caption=options.source_caption,
        strength=options.strength or INVERTED,
    )


def _towards(options: argparse.Namespace, files: Files) -> EditRecord:
    return Towards(caption=options.towards_caption, seed=options.towards_seed)


def _regions(options: argparse.Namespace, files: Files) -> EditRecord:
    parts = []
    for path, caption in options.region:
        name, mask = files.take("region", path)
        _require_white("region", path, mask)
        parts.append(Region(mask=name, caption=caption))
    return Regions(parts=tuple(parts))


_MAKERS: dict[str, Callable[[argparse.Namespace, Files], EditRecord]] = {
    "mask": _inpainting,
    "margin": _outpainting,
    "source_caption": _inversion,
    "image": _image_to_image,
    "towards_caption": _towards,
    "towards_seed": _towards,
    "region": _regions,
}


def _require_sense(options: argparse.Namespace) -> None:
    given = [flag for flag in ALL if getattr(options, flag) is not None]
    for flag, others in NEEDS.items():
        if flag in given and not set(others) & set(given):
            needed = " or ".join(map(_spelt, others))
            raise UsageError(f"{_spelt(flag)}: means nothing without {needed}; give it, or neither")
    for flag, others in ALONE.items():
        wrong = [other for other in given if other != flag and other not in others]
        if flag in given and wrong:
            raise UsageError(
                f"{_spelt(flag)} and {_spelt(wrong[0])}: are two edits, and an image takes one; "
                "leave one of them out"
            )


def _require_white(flag: str, path: Path, mask: "Image.Image") -> None:
    _, brightest = mask.convert("L").getextrema()
    if brightest < WHITE:  # type: ignore[operator]
        raise DataError(
            f"{_spelt(flag)} {path}: nothing in it is white; paint white what is to be drawn anew"
        )


def _spelt(flag: str) -> str:
    return f"--{flag.upper()}"
