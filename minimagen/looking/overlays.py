"""Attention maps as pictures: laid over what was drawn, in rows by token and columns by level."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from minimagen.grid import captioned_grid

CELL = 192  # pixels of one overlay's longer side
STOPS = ((0.0, (20, 16, 60)), (0.5, (205, 60, 80)), (1.0, (255, 240, 150)))  # dark to bright
STRENGTH = 0.75  # of the colours over the picture
FLAT = 1e-3  # differences smaller than this share of a map are none


def overlay(picture: Image.Image, attention: Tensor, cell: int = CELL) -> Image.Image:
    """Lay a map over a grey picture: dark where it is least, yellow where it is most.

    Args:
        picture: what the map belongs to.
        attention: (H, W); only differences show.
        cell: longer side of the result, in pixels.
    """
    scale = cell / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    grey = np.asarray(picture.convert("L").resize((width, height)), np.float32)[..., None]
    smooth = F.interpolate(attention[None, None].float(), (height, width), mode="bilinear")[0, 0]
    least, most = float(smooth.min()), float(smooth.max())
    share = (smooth - least) / max(most - least, FLAT * most, 1e-12)
    mixed = (1 - STRENGTH) * grey + STRENGTH * _coloured(share.cpu().numpy())
    return Image.fromarray(mixed.round().astype(np.uint8))


def token_sheet(
    picture: Image.Image, tokens: Sequence[str], maps: Mapping[int, Tensor]
) -> Image.Image:
    """Show every token's map at every level, beside the picture; below each its share.

    Args:
        picture: what the maps belong to.
        tokens: the null token, then the caption's.
        maps: by the side of a position in pixels, (L, H, W) each, as ``attention_maps`` returns
            them for one picture.
    """
    headings, columns = _named(maps), max(1, 6 // len(maps))
    entries, captions = [[picture] * len(maps)], ["picture"]
    for place, token in enumerate(tokens):
        entries.append([overlay(picture, levels[place]) for levels in maps.values()])
        shares = " / ".join(f"{float(levels[place].mean()):.0%}" for levels in maps.values())
        captions.append(f"{token}  {shares}")
    return captioned_grid(entries, captions, cell=CELL, columns=columns, headings=headings)


def word_sheet(picture: Image.Image, words: Sequence[str], maps: Tensor) -> Image.Image:
    """Show every word's map beside the picture.

    Args:
        picture: what the maps belong to.
        words: of its caption.
        maps: (W, H, W), as ``word_maps`` returns them for one picture.
    """
    shown = [picture, *(overlay(picture, one) for one in maps)]
    return captioned_grid([[one] for one in shown], ["picture", *words], cell=CELL, columns=6)


def time_sheet(
    pictures: Sequence[Image.Image],
    token: str,
    maps: Sequence[Mapping[int, Tensor]],
    names: Sequence[str],
) -> Image.Image:
    """Show one token's map at every moment and level, beside the noisy picture.

    Args:
        pictures: the picture at each moment.
        token: whose maps they are.
        maps: for each moment, by the side of a position in pixels, (H, W) each.
        names: of the moments.
    """
    entries = [
        [picture, *(overlay(picture, level) for level in levels.values())]
        for picture, levels in zip(pictures, maps, strict=True)
    ]
    headings, columns = [f'"{token}"', *_named(maps[0])], max(1, 6 // len(entries[0]))
    return captioned_grid(entries, names, cell=CELL, columns=columns, headings=headings)


def _named(maps: Mapping[int, Tensor]) -> list[str]:
    return [f"positions of {side} px" for side in maps]


def _coloured(share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return colours (H, W, 3) of numbers in [0, 1]."""
    places = [place for place, _ in STOPS]
    channels = [np.interp(share, places, [c[i] for _, c in STOPS]) for i in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)
