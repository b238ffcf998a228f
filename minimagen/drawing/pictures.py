"""From a file of a picture or a mask to what an edit takes: cut to the ratio, then resized."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from minimagen.aspect import Sides
from minimagen.data.items import RejectedItem
from minimagen.data.pictures import upright
from minimagen.editing.pictures import fitted, touched
from minimagen.errors import DataError
from minimagen.tensors import from_uint8

WHITE = 128  # grey levels from here on count as white


def opened(content: bytes, called: str) -> Image.Image:
    """Decode a file's content; RGB, upright, nothing cut off.

    Raises:
        DataError: when it is no picture.
    """
    try:
        return upright(content, None)
    except RejectedItem as error:
        raise DataError(f"{called}: {error}; give a PNG or JPEG file") from None


def centred(picture: Image.Image, sides: Sides) -> Image.Image:
    """Cut what fits a ratio out of a picture's middle; nothing is resized."""
    height, width = sides
    if picture.width * height == picture.height * width:
        return picture
    scale = min(picture.width / width, picture.height / height)
    box = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (picture.width - box[0]) // 2, (picture.height - box[1]) // 2
    return picture.crop((left, top, left + box[0], top + box[1]))


def as_images(picture: Image.Image, sides: Sides) -> Tensor:
    """Turn a picture into images of some sides, (1, 3, H, W) in [-1, 1]: cut, then resized.

    One that has these sides stays as it is to the last bit.
    """
    bytes_ = torch.from_numpy(np.array(centred(picture, sides))).permute(2, 0, 1)[None]
    return fitted(from_uint8(bytes_), sides)


def as_mask(picture: Image.Image, sides: Sides) -> Tensor:
    """Turn a mask's picture into what is painted, (1, 1, H, W), bool: white, and all it touches."""
    grey = np.array(centred(picture, sides).convert("L"))
    return touched(torch.from_numpy(grey >= WHITE)[None, None], sides)


def as_shares(picture: Image.Image, sides: Sides) -> Tensor:
    """Turn a mask's picture into shares, (1, 1, H, W) in [0, 1]: white is 1, grey in between."""
    grey = np.array(centred(picture, sides).convert("L"))
    return fitted(torch.from_numpy(grey)[None, None].float() / 255, sides).clamp(0, 1)
