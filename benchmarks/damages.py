"""What can be wrong with a generator, done on purpose and by degrees.

A damage takes what a perfect generator drew and returns what a damaged one would have drawn. Some
spoil every picture, some leave pictures alone and spoil the set. Every one has four strengths.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from minimagen.data.drawing import draw
from minimagen.data.shapes import scene
from minimagen.data.world import COLOURS
from minimagen.evaluation.digit_classifier import real_digits
from minimagen.evaluation.features.spoiling import blurred
from minimagen.lowres import resize
from minimagen.seeds import generator, permutation
from minimagen.tensors import from_uint8, to_uint8

SIDE = 64


@dataclass(frozen=True)
class Drawn:
    """What a generator drew.

    Args:
        images: in [-1, 1], (N, 3, 64, 64).
        modes: which of a few modes each belongs to: a colour, a digit, (N,).
    """

    images: Tensor
    modes: Tensor

    def __len__(self) -> int:
        """Return how many pictures there are."""
        return len(self.images)

    def rows(self, which: Tensor) -> "Drawn":
        """Take some of them."""
        return Drawn(self.images[which], self.modes[which])

    def showing(self, images: Tensor) -> "Drawn":
        """Put other pictures in their place."""
        return replace(self, images=images.clamp(-1, 1))


Damage = Callable[[Drawn, float, torch.Generator], Drawn]


def noise(drawn: Drawn, deviation: float, source: torch.Generator) -> Drawn:
    """Add white noise."""
    x = drawn.images
    return drawn.showing(x + deviation * torch.randn(x.shape, generator=source))


def blur(drawn: Drawn, sigma: float, source: torch.Generator) -> Drawn:
    """Blur with a Gaussian of so many pixels."""
    return drawn.showing(blurred(drawn.images, torch.full((len(drawn),), sigma)))


def colour_shift(drawn: Drawn, share: float, source: torch.Generator) -> Drawn:
    """Let each colour become the next one's by a share."""
    return drawn.showing(drawn.images.lerp(drawn.images.roll(1, dims=1), share))


def faded(drawn: Drawn, share: float, source: torch.Generator) -> Drawn:
    """Take a share of the contrast away."""
    return drawn.showing(drawn.images * (1 - share))


def dropped_modes(drawn: Drawn, share: float, source: torch.Generator) -> Drawn:
    """Draw pictures of the first modes never, others in their place."""
    dropped = share * (drawn.modes.max().item() + 1)
    kept = (drawn.modes >= dropped).nonzero()[:, 0]
    instead = kept[torch.randint(len(kept), (len(drawn),), generator=source)]
    return drawn.rows(torch.where(drawn.modes >= dropped, torch.arange(len(drawn)), instead))


def copies(drawn: Drawn, share: float, source: torch.Generator) -> Drawn:
    """Draw few different pictures, again and again: all but a share of them are copies."""
    different = max(1, round((1 - share) * len(drawn)))
    return drawn.rows(torch.arange(len(drawn)) % different)


def blocks(drawn: Drawn, side: float, source: torch.Generator) -> Drawn:
    """Draw in squares of one colour, so many pixels wide."""
    small = F.avg_pool2d(drawn.images, int(side))
    return drawn.showing(small.repeat_interleave(int(side), 2).repeat_interleave(int(side), 3))


def holes(drawn: Drawn, side: float, source: torch.Generator) -> Drawn:
    """Leave a square out of each picture, so many pixels wide, in the grey between all colours."""
    corners = torch.randint(SIDE - int(side) + 1, (len(drawn), 2, 1), generator=source)
    line = torch.arange(SIDE)
    inside = (line >= corners) & (line < corners + side)  # (N, 2, 64)
    hole = inside[:, 0, :, None] & inside[:, 1, None, :]
    return drawn.showing(drawn.images.masked_fill(hole[:, None], 0.0))


def warp(drawn: Drawn, pixels: float, source: torch.Generator) -> Drawn:
    """Bend each picture smoothly, by about so many pixels."""
    coarse = torch.randn(len(drawn), 2, 5, 5, generator=source)
    bend = F.interpolate(coarse, size=(SIDE, SIDE), mode="bicubic", align_corners=True)
    straight = F.affine_grid(
        torch.eye(2, 3).expand(len(drawn), 2, 3), [len(drawn), 3, SIDE, SIDE], False
    )
    grid = straight + bend.permute(0, 2, 3, 1) * (2 * pixels / SIDE)
    return drawn.showing(
        F.grid_sample(drawn.images, grid, padding_mode="border", align_corners=False)
    )


def ghosts(drawn: Drawn, share: float, source: torch.Generator) -> Drawn:
    """Let another picture shine through each."""
    other = drawn.images[torch.randperm(len(drawn), generator=source)]
    return drawn.showing(drawn.images.lerp(other, share))


def salt(drawn: Drawn, share: float, source: torch.Generator) -> Drawn:
    """Turn single pixels black or white."""
    chance = torch.rand(len(drawn), 1, SIDE, SIDE, generator=source)
    x = drawn.images.masked_fill(chance < share / 2, -1.0)
    return drawn.showing(x.masked_fill(chance > 1 - share / 2, 1.0))


def jpeg(drawn: Drawn, loss: float, source: torch.Generator) -> Drawn:
    """Compress each picture; 0 loses nothing, 100 everything."""
    made = []
    for picture in to_uint8(drawn.images).permute(0, 2, 3, 1).numpy():
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=100 - int(loss))
        made.append(np.array(Image.open(file)))
    return drawn.showing(from_uint8(torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2)))


def sharpened(drawn: Drawn, strength: float, source: torch.Generator) -> Drawn:
    """Overdo edges: add so many times what a blur takes away."""
    smooth = blurred(drawn.images, torch.full((len(drawn),), 1.0))
    return drawn.showing(drawn.images + strength * (drawn.images - smooth))


def shrunken(drawn: Drawn, share: float, source: torch.Generator) -> Drawn:
    """Draw everything smaller, and fill up with what was at the edge."""
    side = round(SIDE * (1 - share) / 2) * 2
    edge = (SIDE - side) // 2
    return drawn.showing(F.pad(resize(drawn.images, side), [edge] * 4, mode="replicate"))


# What the feature network was asked about in training comes first; it never saw the others.
DAMAGES: dict[str, tuple[Damage, tuple[float, ...]]] = {
    "noise": (noise, (0.05, 0.1, 0.2, 0.4)),
    "blur": (blur, (0.5, 1.0, 1.5, 2.5)),
    "colour shift": (colour_shift, (0.05, 0.1, 0.2, 0.4)),
    "faded": (faded, (0.1, 0.2, 0.4, 0.6)),
    "dropped modes": (dropped_modes, (0.166, 0.333, 0.5, 0.666)),
    "copies": (copies, (0.9, 0.95, 0.975, 0.99)),
    "blocks": (blocks, (2, 4, 8, 16)),
    "holes": (holes, (6, 10, 16, 24)),
    "warp": (warp, (1.0, 2.0, 4.0, 8.0)),
    "ghosts": (ghosts, (0.1, 0.2, 0.35, 0.5)),
    "salt": (salt, (0.01, 0.03, 0.1, 0.3)),
    "jpeg": (jpeg, (70, 85, 93, 97)),
    "sharpened": (sharpened, (0.5, 1.0, 2.0, 4.0)),
    "shrunken": (shrunken, (0.06, 0.12, 0.25, 0.5)),
}


def damaged(drawn: Drawn, kind: str, strength: float) -> Drawn:
    """Damage what was drawn; the draws follow from kind and strength."""
    damage, _ = DAMAGES[kind]
    return damage(drawn, strength, generator("damage", kind, str(strength)))


def drawn_scenes(count: int, seed: int) -> Drawn:
    """Draw built-in scenes; their modes are the first thing's colour."""
    scenes = [scene(seed, index, "scenes") for index in range(count)]
    pictures = np.stack([draw(each, SIDE) for each in scenes])
    modes = [list(COLOURS).index(each.things[0].colour) for each in scenes]
    images = from_uint8(torch.from_numpy(pictures).permute(0, 3, 1, 2))
    return Drawn(images, torch.tensor(modes))


def drawn_digits() -> tuple[Drawn, Drawn]:
    """Return the handwritten digits in two halves by chance, to be judged and to judge by."""
    whole = Drawn(*real_digits(SIDE))
    order = permutation(len(whole), "damaged digits")
    return whole.rows(order[: len(whole) // 2]), whole.rows(order[len(whole) // 2 :])
