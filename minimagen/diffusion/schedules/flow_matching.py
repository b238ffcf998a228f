"""The schedule of flow matching."""

from typing import Literal

from torch import Tensor

from minimagen.config import config
from minimagen.diffusion.schedules.base import Schedule, flow


@config
class FlowSchedule(Schedule):
    """Straight paths from data to noise: alpha = 1 - u, sigma = u.

    Source: Lipman et al. 2022 (arXiv:2210.02747); Liu et al. 2022 (arXiv:2209.03003); shifted as in
    Esser et al. 2024 (arXiv:2403.03206), sec. 5.3.2.
    """

    kind: Literal["flow"] = "flow"

    def curve(self, u: Tensor) -> Tensor:
        """2 ln((1 - u) / u)."""
        return -2 * u.logit()

    def place(self, log_snr: Tensor) -> Tensor:
        """Invert the curve."""
        return (-log_snr / 2).sigmoid()

    def steepness(self, u: Tensor) -> Tensor:
        """2 / (u (1 - u))."""
        return 2 / (u * (1 - u))

    def scales(self, log_snr: Tensor) -> tuple[Tensor, Tensor]:
        """alpha + sigma = 1."""
        return flow(log_snr)
