"""Between two pictures: noises turned into each other, and captions."""

import math
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from minimagen.canvas import Canvas, Edit
from minimagen.conditioning import TextEmbedding
from minimagen.editing.pictures import only, told
from minimagen.sampling.walk import Bound
from minimagen.seeds import Seeds, seeds_of


def variation(amount: float | Tensor, seed: Seeds) -> Edit:
    """Turn each stage's noise towards that of another seed; it stays standard normal.

        cos(a) noise + sin(a) other,   a = amount pi / 2

    Args:
        amount: 0 is the picture itself, 1 is the other seed's; one for all, or (N,).
        seed: the other; one for all, or one for each caption.
    """

    def edit(canvas: Canvas) -> Tensor:
        angle = _amounts(amount, canvas) * math.pi / 2
        other = canvas.draw("start", seeds_of(seed, canvas.places))
        return replace(canvas, noise=angle.cos() * canvas.noise + angle.sin() * other).paint()

    return edit


def between_captions(other: TextEmbedding, amount: float | Tensor) -> Edit:
    """Draw what lies between each caption and another one.

        x_0 = (1 - amount) x_0(caption) + amount x_0(other)

    Args:
        other: one embedding for all captions, or one for each, (N, L, D).
        amount: 0 is the caption itself, 1 is the other; one for all, or (N,).
    """

    def edit(canvas: Canvas) -> Tensor:
        text = told(other, canvas.places, canvas.noise)
        one, two = canvas.bind(canvas.cond), canvas.bind(replace(canvas.cond, text=text))
        return canvas.paint(denoise=partial(_mixed, one, two, _amounts(amount, canvas)))

    return edit


def _amounts(amount: float | Tensor, canvas: Canvas) -> Tensor:
    """Return the amount of each image of a batch, (B, 1, 1, 1)."""
    every = torch.as_tensor(amount, dtype=torch.float32).view(-1, 1, 1, 1)
    return only(every, canvas.places, canvas.noise)


def _mixed(one: Bound, two: Bound, amounts: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
    first, second = one(x_t, t), two(x_t, t)
    return first.lerp(second, amounts.to(first.dtype))
