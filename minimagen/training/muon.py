"""Muon: momentum whose matrices are made orthogonal, so that every direction is learnt at one pace."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = 3.4445, -4.7750, 2.0315  # a, b, c: they push every singular value towards one
ITERATIONS = 5


def orthogonalise(matrix: Tensor) -> Tensor:
    """Move all singular values of a matrix close to one, into [0.7, 1.2]; (m, n), float32.

        X <- a X + b (X X^T) X + c (X X^T)^2 X

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".
    """
    a, b, c = NEWTON_SCHULZ
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x if wide is matrix else x.T


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, made orthogonal, scaled so that an AdamW rate fits.

    A convolution counts as the matrix (out, in k k). Everything is float32: bfloat16 products are
    tens of times slower on most CPUs, and the matrices are small.

    Args:
        parameters: hidden matrices and convolutions; not biases, norms, the first or last layer.
        momentum: decay of the averaged gradient.
        weight_decay: decoupled.

    Source: Jordan et al. 2024; the scale 0.2 sqrt(max(m, n)) from Liu et al. 2025 (arXiv:2502.16982).
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        lr: float = 1e-3,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step."""
        assert closure is None, "this optimizer takes no closure"
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)

    def _update(self, parameter: nn.Parameter, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        average = state["momentum"].lerp_(gradient, 1 - group["momentum"])
        ahead = average.lerp(gradient, 1 - group["momentum"]).flatten(1)  # (out, in k k)
        scale = 0.2 * max(ahead.shape) ** 0.5
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(orthogonalise(ahead).view_as(parameter), alpha=-group["lr"] * scale)
