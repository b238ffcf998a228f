"""Showing a denoiser its own last estimate, so that a walk does not start afresh at every step."""

from dataclasses import replace

from torch import Tensor

from minimagen.conditioning import Conditioning
from minimagen.diffusion.denoiser import Denoiser


def self_conditioned(denoise: Denoiser) -> Denoiser:
    """Tell each call what the call before it returned; the first one is told nothing.

    It remembers: make a fresh one for each walk. It goes outside of guidance and thresholding, so
    every side of guidance is told the same estimate, the one that the sampler used.

    Args:
        denoise: a denoiser whose network reads ``cond.previous``.

    Source: Chen et al. 2022 (arXiv:2208.04202).
    """
    last: Tensor | None = None

    def remember(x_t: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        nonlocal last
        last = denoise(x_t, t, replace(cond, previous=last))
        return last

    return remember
