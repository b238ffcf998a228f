"""Schedule-free AdamW: an average of the iterates takes the place of a falling rate.

Three points move together: z takes the steps, x averages z and is what is used, y lies between them
and is where gradients are taken. A network in training holds y.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class ScheduleFreeAdamW(torch.optim.Optimizer):
    """AdamW without momentum, its iterates averaged.

        z <- z - lr (g / (sqrt(v) + eps) + weight_decay y),   g the gradient at y
        x <- (1 - c) x + c z,                                 c = lr^2 / sum of all lr^2
        y <- (1 - beta_1) z + beta_1 x

    v is Adam's second moment, its bias corrected. The weights lr^2 make steps of a warm-up count
    little; after it every step counts alike, so x is the mean of z whatever the run's length.

    Args:
        parameters: or groups of them.
        betas: the place of y between z and x, and the decay of v.
        weight_decay: decoupled, towards zero from y.

    Source: Defazio et al. 2024 (arXiv:2405.15682), algorithm 1.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step; every parameter that has a gradient once has one each time."""
        assert closure is None, "this optimizer takes no closure"
        for group in self.param_groups:
            y = [p for p in group["params"] if p.grad is not None]
            if y:
                self._move(y, [self._state_of(p) for p in y], group)

    @contextmanager
    def at_average(self) -> Iterator[None]:
        """Let the parameters be x instead of y for a while, to the last bit, and then y again."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        for parameter, state in self.state.items():
            parameter.data, state["x"] = state["x"], parameter.data

    def _state_of(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[parameter]
        if not state:
            state |= {name: parameter.detach().clone() for name in ("x", "z")}
            state["exp_avg_sq"] = torch.zeros_like(parameter)
            state |= {name: torch.zeros(()) for name in ("step", "weight_sum")}
        return state

    def _move(
        self, y: list[Tensor], states: Sequence[dict[str, Tensor]], group: dict[str, Any]
    ) -> None:
        lr, beta_1 = group["lr"], group["betas"][0]
        x, z = ([state[name] for state in states] for name in ("x", "z"))
        directions = _directions(y, states, group)
        torch._foreach_add_(directions, y, alpha=group["weight_decay"])
        torch._foreach_add_(z, directions, alpha=-lr)
        for state in states:
            state["weight_sum"] += lr * lr
        torch._foreach_lerp_(x, z, lr * lr / float(states[0]["weight_sum"]))
        torch._foreach_copy_(y, z)
        torch._foreach_lerp_(y, x, beta_1)


def _directions(
    y: Sequence[Tensor], states: Sequence[dict[str, Tensor]], group: dict[str, Any]
) -> list[Tensor]:
    """Return g / (sqrt(v) + eps) of each parameter, v updated and its bias corrected."""
    gradients = [p.grad for p in y if p.grad is not None]
    squares = [state["exp_avg_sq"] for state in states]
    beta_2 = group["betas"][1]
    for state in states:
        state["step"] += 1
    torch._foreach_mul_(squares, beta_2)
    torch._foreach_addcmul_(squares, gradients, gradients, 1 - beta_2)
    scales = torch._foreach_div(squares, 1 - beta_2 ** int(states[0]["step"]))
    torch._foreach_sqrt_(scales)
    torch._foreach_add_(scales, group["eps"])
    return list(torch._foreach_div(gradients, list(scales)))
