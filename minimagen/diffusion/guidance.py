"""Steering a denoiser by its text, without a classifier."""

import torch
from torch import Tensor

from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.diffusion.denoiser import Denoiser


def guided(denoise: Denoiser, scale: float, negative: TextEmbedding | None = None) -> Denoiser:
    """Exaggerate what the text changes:  x_0(null) + scale (x_0(text) - x_0(null)).

    Args:
        denoise: a denoiser trained with some of its text dropped.
        scale: 1 is off (and half the calls), more follows the text closer.
        negative: captions to steer away from, (B, L, D), in place of null text. The low-resolution
            image stays on both sides.

    Source: Ho & Salimans 2022 (arXiv:2207.12598), eq. 6 with scale = 1 + w.
    """
    if scale == 1:
        return denoise

    def guide(x_t: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        away = cond.null() if negative is None else Conditioning(negative, cond.lowres)
        both = denoise(torch.cat([x_t, x_t]), torch.cat([t, t]), Conditioning.cat([cond, away]))
        text, null = both.chunk(2)
        return null + scale * (text - null)

    return guide
