"""Pictures and masks as an edit needs them: in a stage's own size."""

import torch
import torch.nn.functional as F
from torch import Tensor

from minimagen.aspect import Sides
from minimagen.conditioning import TextEmbedding


def fitted(images: Tensor, sides: Sides) -> Tensor:
    """Resize images (B, C, h, w) to a height and width with an antialiased bilinear filter."""
    if images.shape[-2:] == sides:
        return images
    return F.interpolate(images, size=sides, mode="bilinear", antialias=True)


def touched(mask: Tensor, sides: Sides) -> Tensor:
    """Say at another size which pixels a mask has a part in.

    A pixel of :func:`fitted` images is touched when the filter that made it saw a masked pixel, so
    the others show nothing of what the mask hides.

    Args:
        mask: True where a picture is to be painted, (B, 1, h, w), bool.
        sides: height and width wanted.

    Returns:
        (B, 1, H, W), bool.
    """
    return mask if mask.shape[-2:] == sides else fitted(mask.float(), sides) > 0


def only(images: Tensor, places: range, like: Tensor) -> Tensor:
    """Pick the images of a batch, put beside ``like``; one image alone serves every place."""
    return images[rows_of(len(images), places)].to(like.device)


def told(text: TextEmbedding, places: range, like: Tensor) -> TextEmbedding:
    """Pick the captions of a batch, put beside ``like``; one caption alone serves every place."""
    return text[rows_of(len(text), places)].to(like.device)


def rows_of(count: int, places: range) -> Tensor:
    """Say which of some things belong to a batch; one alone serves every place."""
    return torch.tensor([0] * len(places) if count == 1 else list(places))
