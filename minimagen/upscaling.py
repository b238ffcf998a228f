"""Pictures of any size through super-resolution stages, tile by tile.

These networks are convolutional: they do not know how large a picture is. So a photograph is to
them what a smaller stage would have drawn, and memory is bounded by asking for a tile at a time.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from minimagen.aspect import Sides
from minimagen.canvas import Canvas, Edit
from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.errors import UsageError
from minimagen.runtime import Precision, autocast, visiting
from minimagen.sampling.walk import Bound
from minimagen.stage import Drawing, Stage

TILE = 512  # pixels of a tile's side, without what is looked at around it
LARGEST = 64_000_000  # pixels of a result; each takes about 100 bytes on the way

Told = Callable[[int, int], None]
"""Is told how many calls of a network are done, and of about how many."""


@dataclass(frozen=True)
class Enlarging:
    """One super-resolution stage, and how it enlarges.

    Args:
        stage: not the first of its cascade.
        how: sampler, steps and guidance; sides follow from the picture.
        tile: side of a tile in pixels, rounded up to what the network takes.
    """

    stage: Stage
    how: Drawing
    tile: int = TILE

    @property
    def growth(self) -> Fraction:
        """How many times as wide and high its images become."""
        assert self.stage.smaller is not None, "the first stage enlarges nothing"
        return Fraction(self.stage.config.size, self.stage.smaller)

    @property
    def multiple(self) -> int:
        """What the sides of its images must be multiples of."""
        return self.stage.network.config.size_multiple

    @property
    def tile_side(self) -> int:
        """Side of a tile that the network takes."""
        return math.ceil(self.tile / self.multiple) * self.multiple

    @property
    def steps(self) -> int:
        """How many steps a picture takes."""
        return len(self.stage.times(self.how.steps)) - 1

    def drawing(self, sides: Sides, tell: Callable[[], None]) -> Drawing:
        """Return how a picture of these sides is drawn; each call of the network is told of."""
        tile = self.tile_side if self.stage.network.config.is_convolutional else None
        return replace(
            self.how, sides=sides, tile=tile, edit=partial(_counted, tell, self.how.edit)
        )


def growth(chain: Sequence[Enlarging]) -> Fraction:
    """Return how many times as wide and high pictures become through some stages."""
    return math.prod((one.growth for one in chain), start=Fraction(1))


def enlarged_sides(sides: Sides, chain: Sequence[Enlarging], smallest: int, called: str) -> Sides:
    """Return the sides of a picture after some stages.

    Args:
        sides: height and width of the picture.
        chain: the stages.
        smallest: side that a picture must have at least.
        called: what it is called in an error.

    Raises:
        UsageError: when it is too small, or would become too large.
    """
    height, width = sides
    if min(sides) < smallest:
        raise UsageError(
            f"{called}: is {width} x {height} pixels; give one of at least {smallest} each way"
        )
    times = growth(chain)
    high, wide = int(height * times), int(width * times)
    if high * wide > LARGEST:
        raise UsageError(
            f"{called}: would become {wide} x {high} pixels, more than {LARGEST // 10**6} million; "
            "choose fewer stages, or give a smaller one"
        )
    return high, wide


def enlarge(
    image: Tensor,
    text: TextEmbedding | None,
    chain: Sequence[Enlarging],
    *,
    seed: int,
    number: int,
    device: torch.device,
    precision: Precision = "no",
    told: Told = lambda done, of: None,
) -> Tensor:
    """Enlarge one picture; (1, 3, H, W) in [-1, 1], on the CPU.

    Every step of every walk is taken for the whole picture; only the network is asked in tiles,
    each with all around it that it can see. So the tiles fit exactly, and there is one noise.

    Args:
        image: (1, 3, h, w) in [-1, 1], of any sides: what a network cannot take is filled up with
            the picture's edge, and cut off at the end.
        text: its caption, for one picture.
        chain: the stages, in their order.
        seed: with the number it fixes all draws.
        number: of the picture.
        device: where the networks compute, also those that are elsewhere until then.
        precision: what the networks compute in.
        told: is told after every call of a network.
    """
    height, width = (int(side * growth(chain)) for side in image.shape[2:])
    image = _filled_up(image, _multiple(chain))
    tell = _counter(sum(one.steps for one in chain), told)
    for one in chain:
        sides = int(image.shape[2] * one.growth), int(image.shape[3] * one.growth)
        with visiting(one.stage.network, device):
            cond = Conditioning(text, one.stage.lowres(image, seed, [number], sides))
            with autocast(device, precision):
                how = one.drawing(sides, tell)
                image = one.stage.sample(cond, how, seed=seed, numbers=[number]).cpu()
    return image[..., :height, :width]


def _multiple(chain: Sequence[Enlarging]) -> int:
    """Return what a picture's sides must be multiples of, for every stage to take it."""
    found, times = 1, Fraction(1)
    for one in chain:
        times *= one.growth
        needed = one.multiple * times.denominator
        found = math.lcm(found, needed // math.gcd(needed, times.numerator))
    return found


def _filled_up(image: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until both sides are multiples."""
    below, beside = (-side % multiple for side in image.shape[2:])
    return F.pad(image, (0, beside, 0, below), mode="replicate")


def _counted(tell: Callable[[], None], edit: Edit, canvas: Canvas) -> Tensor:
    """Draw on a canvas and tell of each call of its denoiser."""

    def bind(cond: Conditioning, guided: bool = True) -> Bound:
        denoise = canvas.bind(cond, guided)

        def count(x_t: Tensor, t: Tensor) -> Tensor:
            x_0 = denoise(x_t, t)
            tell()
            return x_0

        return count

    return edit(replace(canvas, bind=bind))


def _counter(of: int, told: Told) -> Callable[[], None]:
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        told(done, max(done, of))

    return tell
