"""Keeping estimates of x_0 in the range of pictures; guidance pushes them out of it."""

import math
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from minimagen.conditioning import Conditioning
from minimagen.config import config
from minimagen.diffusion.denoiser import Denoiser


def clamped(denoise: Denoiser) -> Denoiser:
    """Clamp each estimate to [-1, 1]: static thresholding."""

    def clamp(x_t: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        return denoise(x_t, t, cond).clamp(-1, 1)

    return clamp


def thresholded(denoise: Denoiser, percentile: float = 0.995, cap: float | None = None) -> Denoiser:
    """Pull saturated pixels of each estimate back into [-1, 1]: dynamic thresholding.

        s = clamp(percentile of |x_0|, 1, cap);   x_0 <- clamp(x_0, -s, s) / s

    Args:
        denoise: what makes the estimates.
        percentile: share of the pixels that is not clamped, in (0, 1].
        cap: largest s, at least 1; estimates beyond it are clamped instead of dimming the rest
            further. None is no limit, 1 is :func:`clamped`.

    Source: Saharia et al. 2022, Imagen (arXiv:2205.11487), sec. 2.3.
    """

    def threshold(x_t: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        x_0 = denoise(x_t, t, cond)
        magnitudes = x_0.flatten(1).abs()  # (B, C H W)
        rank = max(1, math.ceil(percentile * magnitudes.shape[1]))
        limit = magnitudes.kthvalue(rank, dim=1).values.clamp(min=1, max=cap).view(-1, 1, 1, 1)
        return x_0.clamp(-limit, limit) / limit

    return threshold


@config
class NoThresholding:
    """Estimates as they come, for codecs whose range is open."""

    kind: Literal["none"] = "none"

    def wrap(self, denoise: Denoiser) -> Denoiser:
        """Return the denoiser itself."""
        return denoise


@config
class StaticThresholding:
    """Clamp to [-1, 1]; right for super-resolution, where rescaling would lose contrast."""

    kind: Literal["static"] = "static"

    def wrap(self, denoise: Denoiser) -> Denoiser:
        """Clamp each estimate."""
        return clamped(denoise)


@config
class DynamicThresholding:
    """Rescale by a percentile; right for a base under strong guidance.

    Args:
        percentile: share of the pixels that is not clamped.
        cap: how many times an estimate is dimmed at most; None is no limit.
    """

    kind: Literal["dynamic"] = "dynamic"
    percentile: Annotated[float, Field(gt=0, le=1)] = 0.995
    cap: Annotated[float, Field(ge=1)] | None = None

    def wrap(self, denoise: Denoiser) -> Denoiser:
        """Threshold each estimate."""
        return thresholded(denoise, self.percentile, self.cap)


Thresholding = Annotated[
    NoThresholding | StaticThresholding | DynamicThresholding, Field(discriminator="kind")
]
