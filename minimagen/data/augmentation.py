"""Changes that chance makes to training pictures: colours, a small turn, blur, compression.

kornia computes them; what it computes is drawn here, keyed by sample number, for kornia itself only
knows torch's global generator. Nothing tells the network of them, so samples come to show them too.
"""

import math
from collections.abc import Callable, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from minimagen import seeds
from minimagen.config import config
from minimagen.tensors import blur

Share = Annotated[float, Field(ge=0, le=1)]
Draw = Callable[[str], Tensor]
"""A name of a draw to one number in [-1, 1] for each picture, (B,)."""


@config
class PictureAugmentation:
    """How far each change may go; 0 leaves it out.

    Args:
        share: of the samples that are changed at all.
        brightness: added to the colours, whose range is 1.
        contrast: the colours are multiplied by 1 plus or minus this.
        saturation: likewise, of the difference from grey.
        hue: turn of the colour circle, in degrees.
        rotation: of the picture, in degrees; what comes into view is mirrored.
        zoom: the picture is enlarged by up to this share.
        shift: of the picture, as a share of its sides.
        blur: standard deviation in pixels of a 512 px picture; smaller ones have less.
        jpeg: lowest quality of compression, 1 to 100; None compresses nothing.
    """

    share: Share = 1.0
    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0
    hue: Annotated[float, Field(ge=0, le=180)] = 0.0
    rotation: Annotated[float, Field(ge=0, le=45)] = 0.0
    zoom: Share = 0.0
    shift: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    blur: Annotated[float, Field(ge=0, le=10)] = 0.0
    jpeg: Annotated[int, Field(ge=1, le=100)] | None = None


def augmented(
    images: Tensor, how: PictureAugmentation, numbers: Sequence[int], *key: seeds.Key
) -> Tensor:
    """Change training pictures by chance.

    Args:
        images: in [-1, 1], (B, 3, H, W), on the CPU.
        how: how far each change may go.
        numbers: global sample numbers, (B,).
        key: of the run and the stage.

    Returns:
        Pictures like ``images``; one that is not changed is that one bit for bit.
    """
    chosen = seeds.units(numbers, *key, "augmented") < how.share
    if not chosen.any():
        return images
    own = [number for number, is_chosen in zip(numbers, chosen.tolist(), strict=True) if is_chosen]

    def draw(name: str) -> Tensor:
        return (2 * seeds.units(own, *key, name) - 1).float()

    changed = (images[chosen] + 1) / 2
    for change in (_moved, _coloured, _blurred, _compressed):
        changed = change(changed, how, draw).clamp(0, 1)
    out = images.clone()
    out[chosen] = 2 * changed - 1
    return out


def _moved(images: Tensor, how: PictureAugmentation, draw: Draw) -> Tensor:
    """Turn, enlarge and shift in one go; (B, 3, H, W) in [0, 1], as in all that follows."""
    if not (how.rotation or how.zoom or how.shift):
        return images
    from kornia.geometry.transform import get_affine_matrix2d, warp_affine

    height, width = images.shape[2:]
    middle = torch.tensor([(width - 1) / 2, (height - 1) / 2]).expand(len(images), 2)
    sides = torch.tensor([float(width), float(height)])
    shift = torch.stack([draw("shift_x"), draw("shift_y")], dim=1) * how.shift * sides
    zoom = (1 + how.zoom * (draw("zoom") + 1) / 2)[:, None].expand(-1, 2)
    matrix = get_affine_matrix2d(shift, middle, zoom, draw("rotation") * how.rotation)
    moved: Tensor = warp_affine(
        images, matrix[:, :2], (height, width), padding_mode="reflection", align_corners=True
    )
    return moved


def _coloured(images: Tensor, how: PictureAugmentation, draw: Draw) -> Tensor:
    from kornia import enhance

    if how.brightness:
        images = images + (draw("brightness") * how.brightness).view(-1, 1, 1, 1)
    if how.contrast:
        images = enhance.adjust_contrast_with_mean_subtraction(
            images.clamp(0, 1), 1 + draw("contrast") * how.contrast
        )
    if how.saturation:
        images = enhance.adjust_saturation(
            images.clamp(0, 1), 1 + draw("saturation") * how.saturation
        )
    if how.hue:
        images = enhance.adjust_hue(images.clamp(0, 1), draw("hue") * math.radians(how.hue))
    return images


def _blurred(images: Tensor, how: PictureAugmentation, draw: Draw) -> Tensor:
    if not how.blur:
        return images
    scale = math.sqrt(images.shape[2] * images.shape[3]) / 512
    return blur(images, (draw("blur") + 1) / 2 * how.blur * scale, how.blur * scale)


def _compressed(images: Tensor, how: PictureAugmentation, draw: Draw) -> Tensor:
    if how.jpeg is None:
        return images
    from kornia.enhance import jpeg_codec_differentiable

    quality = how.jpeg + (100 - how.jpeg) * (draw("jpeg") + 1) / 2
    height, width = images.shape[2:]
    padded = torch.nn.functional.pad(images, (0, -width % 16, 0, -height % 16), mode="replicate")
    compressed: Tensor = jpeg_codec_differentiable(padded, quality)
    return compressed[:, :, :height, :width]
