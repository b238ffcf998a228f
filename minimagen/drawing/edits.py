"""Edits as ``settings.json`` keeps them, and the functions of a canvas that they stand for."""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

import torch
from pydantic import Field

from minimagen.aspect import Sides
from minimagen.canvas import Edit
from minimagen.conditioning import TextEmbedding
from minimagen.config import config
from minimagen.drawing.inputs import Inputs, Name
from minimagen.drawing.pictures import as_images, as_mask, as_shares
from minimagen.editing.image_to_image import image_to_image
from minimagen.editing.inpainting import inpainting
from minimagen.editing.inversion import by_inversion
from minimagen.editing.mixing import between_captions, variation
from minimagen.editing.outpainting import around, box_within, set_into
from minimagen.editing.regions import by_region

Share = Annotated[float, Field(gt=0, le=1)]
Times = Annotated[int, Field(ge=1)]
Margin = Annotated[float, Field(ge=0, lt=1)]
Margins = tuple[Margin, Margin, Margin, Margin]


@config
class ImageToImage:
    """A picture to begin with, noised up to a time."""

    kind: Literal["image_to_image"] = "image_to_image"
    image: Name
    strength: Share


@config
class Inpainting:
    """A picture of which a mask's white is painted."""

    kind: Literal["inpainting"] = "inpainting"
    image: Name
    mask: Name
    resample: Times = 1


@config
class Outpainting:
    """A picture around which there is room: shares of the frame, as top, right, bottom, left."""

    kind: Literal["outpainting"] = "outpainting"
    image: Name
    margins: Margins
    resample: Times = 1


@config
class Inversion:
    """A picture that is drawn anew from its own noise; ``source_caption`` is what it shows."""

    kind: Literal["inversion"] = "inversion"
    image: Name
    source_caption: str
    strength: Share


@config
class Towards:
    """Another caption, or another seed, that each image goes towards by its ``amount``."""

    kind: Literal["towards"] = "towards"
    caption: str | None = None
    seed: Annotated[int, Field(ge=0)] | None = None


@config
class Region:
    """Where a caption speaks: the white of a mask."""

    mask: Name
    caption: str


@config
class Regions:
    """A caption for each part of the picture."""

    kind: Literal["regions"] = "regions"
    parts: Annotated[tuple[Region, ...], Field(min_length=1)]


EditRecord: TypeAlias = Annotated[
    ImageToImage | Inpainting | Outpainting | Inversion | Towards | Regions,
    Field(discriminator="kind"),
]


def captions_of(record: EditRecord | None) -> list[str]:
    """Return the captions, as they are written, that an edit needs besides the images' own."""
    match record:
        case Inversion():
            return [record.source_caption]
        case Towards(caption=str(caption)):
            return [caption]
        case Regions():
            return [part.caption for part in record.parts]
        case _:
            return []


def names_of(record: EditRecord | None) -> list[str]:
    """Return the names of the pictures and masks that an edit needs."""
    if isinstance(record, Regions):
        return [part.mask for part in record.parts]
    return [getattr(record, name) for name in ("image", "mask") if hasattr(record, name)]


def edit_of(
    record: EditRecord,
    inputs: Inputs,
    texts: Sequence[TextEmbedding],
    amounts: Sequence[float],
    sides: Sides,
) -> Edit:
    """Return the function of a canvas that a record stands for.

    Args:
        record: what is done.
        inputs: its pictures and masks.
        texts: the embeddings of :func:`captions_of` it, (1, L, D) each.
        amounts: of each image, where it goes towards something.
        sides: height and width of the images that are kept; at these known pixels are exact.
    """
    match record:
        case ImageToImage():
            return image_to_image(as_images(inputs.picture(record.image), sides), record.strength)
        case Inpainting():
            picture = as_images(inputs.picture(record.image), sides)
            mask = as_mask(inputs.picture(record.mask), sides)
            return inpainting(picture, mask, resample=record.resample)
        case Outpainting():
            box = box_within(sides, record.margins)
            picture = as_images(inputs.picture(record.image), box[1])
            framed = set_into(picture, sides, box)
            return inpainting(framed, around(sides, box), resample=record.resample)
        case Inversion():
            picture = as_images(inputs.picture(record.image), sides)
            return by_inversion(picture, texts[0], record.strength)
        case Regions():
            masks = [as_shares(inputs.picture(part.mask), sides) for part in record.parts]
            return by_region(texts, torch.cat(masks))
        case Towards(seed=int(seed)):
            return variation(torch.tensor(amounts), seed)
        case Towards():
            return between_captions(texts[0], torch.tensor(amounts))
