"""From an edit as it is asked for to a function of a canvas.

Pictures are cut about their middle to the ratio that is drawn and resized to the last stage, so
that what a mask leaves out comes back there to the last bit. Enlarging is no such function: see
:mod:`minimagen.apps.enlarging`.
"""

from torch import Tensor

from minimagen.apps.requests import (
    DrawRequest,
    ImageToImage,
    Inpaint,
    Outpaint,
    Vary,
)
from minimagen.apps.uploads import to_image, to_mask
from minimagen.aspect import Sides
from minimagen.canvas import Canvas, Edit
from minimagen.editing.image_to_image import image_to_image
from minimagen.editing.inpainting import inpainting
from minimagen.editing.mixing import variation
from minimagen.editing.outpainting import framed, margin
from minimagen.editing.pictures import fitted, touched


def edit_of(request: DrawRequest, rows: range, sides: Sides) -> Edit:
    """Return how the canvases of some of a request's pictures are drawn on.

    Args:
        request: whose edit.
        rows: which of its pictures are drawn at once.
        sides: height and width of the finished pictures, in pixels.

    Raises:
        UsageError: for an edit that is impossible at these sides.
    """
    match request.edit:
        case ImageToImage(picture=picture, strength=strength):
            return image_to_image(_picture(picture, sides), strength)
        case Inpaint(picture=picture, mask=mask, resample=resample):
            hidden = touched(_cut(to_mask(mask), sides), sides)
            return inpainting(_picture(picture, sides), hidden, resample=resample)
        case Outpaint(picture=picture, share=share, place=place, resample=resample):
            frame = framed(to_image(picture), sides, share, place)
            return inpainting(frame, margin(sides, share, place), resample=resample)
        case Vary(amount=amount, seed=seed):
            return variation(amount, [seed + i for i in rows])
    return Canvas.paint


def _picture(png: bytes, sides: Sides) -> Tensor:
    return fitted(_cut(to_image(png), sides), sides)


def _cut(images: Tensor, sides: Sides) -> Tensor:
    """Cut images (1, C, h, w) about their middle to the ratio of some sides."""
    (height, width), (wanted_height, wanted_width) = images.shape[-2:], sides
    high = min(height, max(1, round(width * wanted_height / wanted_width)))
    wide = min(width, max(1, round(height * wanted_width / wanted_height)))
    top, left = (height - high) // 2, (width - wide) // 2
    return images[..., top : top + high, left : left + wide]
