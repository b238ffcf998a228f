"""The sigmoid schedule."""

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from minimagen.config import config
from minimagen.diffusion.schedules.base import Schedule


@config
class SigmoidSchedule(Schedule):
    """Variance-preserving schedule whose alpha^2 falls along a stretch of a sigmoid.

        alpha^2 = (sigmoid(e) - sigmoid(z)) / (sigmoid(e) - sigmoid(s)),   z = s + w u
        s = start / tau,   e = end / tau,   w = e - s

    As sigmoid(a) - sigmoid(b) = sinh((a - b) / 2) / (2 cosh(a / 2) cosh(b / 2)), nothing cancels in

        log_snr = ln sinh(w (1 - u) / 2) - ln sinh(w u / 2) + ln(cosh(s / 2) / cosh(e / 2))

    Args:
        start: where on the sigmoid the data's end is, in units of tau.
        end: where the noise's end is; above start.
        tau: temperature; a small one keeps both ends longer.

    Source: Jabri et al. 2022 (arXiv:2212.11972); Chen 2023 (arXiv:2301.10972), algorithm 1,
    whose input scaling is a shift here, see :func:`resolution_shift`.
    """

    kind: Literal["sigmoid"] = "sigmoid"
    start: float = -3.0
    end: float = 3.0
    tau: Annotated[float, Field(gt=0)] = 1.0

    def _check(self) -> None:
        if self.start >= self.end:
            raise ValueError("start must be below end")
        super()._check()

    def curve(self, u: Tensor) -> Tensor:
        """Return the log-SNR above, with ln sinh(x) = x + ln(1 - exp(-2 x)) - ln 2."""
        w = self._width
        ends = (-(-w * (1 - u)).expm1()).log() - (-(-w * u).expm1()).log()
        return w / 2 * (1 - 2 * u) + ends + self._offset

    def place(self, log_snr: Tensor) -> Tensor:
        """w u = ln((R + exp(w / 2)) / (R + exp(-w / 2))),   R = exp(log_snr) cosh(e/2) / cosh(s/2).

        It is coth(w u / 2) = (R + cosh(w / 2)) / sinh(w / 2), solved so that no R overflows.
        """
        log_r, half = log_snr - self._offset, self._width / 2
        return (_softplus(half - log_r) - _softplus(-half - log_r)) / self._width

    def steepness(self, u: Tensor) -> Tensor:
        """w / 2 (coth(w (1 - u) / 2) + coth(w u / 2))."""
        half = self._width / 2
        return half / (half * (1 - u)).tanh() + half / (half * u).tanh()

    @property
    def _width(self) -> float:
        return (self.end - self.start) / self.tau

    @property
    def _offset(self) -> float:
        return _log_cosh(self.start / self.tau / 2) - _log_cosh(self.end / self.tau / 2)


def _softplus(x: Tensor) -> Tensor:
    """ln(1 + exp(x)) to the last digit; torch's own is x from 20 on."""
    return torch.logaddexp(x, torch.zeros_like(x))


def _log_cosh(x: float) -> float:
    return abs(x) + math.log1p(math.exp(-2 * abs(x))) - math.log(2)
