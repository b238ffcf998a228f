"""Between two pictures: noises turned into each other, and captions."""

import math
from dataclasses import replace
from functools import partial

from torch import Tensor

from minimagen.canvas import Canvas, Edit
from minimagen.conditioning import TextEmbedding
from minimagen.sampling.walk import Bound
from minimagen.seeds import Seeds, seeds_of


def variation(amount: float, seed: Seeds) -> Edit:
    """Turn each stage's noise towards that of another seed; it stays standard normal.

        cos(a) noise + sin(a) other,   a = amount pi / 2

    Args:
        amount: 0 is the picture itself, 1 is the other seed's.
        seed: the other; one for all, or one for each caption.
    """
    angle = amount * math.pi / 2

    def edit(canvas: Canvas) -> Tensor:
        other = canvas.draw("start", seeds_of(seed, canvas.places))
        return replace(
            canvas, noise=math.cos(angle) * canvas.noise + math.sin(angle) * other
        ).paint()

    return edit


def between_captions(other: TextEmbedding, amount: float) -> Edit:
    """Draw what lies between each caption and another one.

        x_0 = (1 - amount) x_0(caption) + amount x_0(other)

    Args:
        other: one embedding for each caption, (N, L, D).
        amount: 0 is the caption itself, 1 is the other.
    """

    def edit(canvas: Canvas) -> Tensor:
        told = other[slice(canvas.places.start, canvas.places.stop)].to(canvas.noise.device)
        one, two = canvas.bind(canvas.cond), canvas.bind(replace(canvas.cond, text=told))
        return canvas.paint(denoise=partial(_mixed, one, two, amount))

    return edit


def _mixed(one: Bound, two: Bound, amount: float, x_t: Tensor, t: Tensor) -> Tensor:
    return one(x_t, t).lerp(two(x_t, t), amount)
