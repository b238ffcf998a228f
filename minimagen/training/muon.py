"""Muon: momentum whose matrices are made orthogonal: every direction is learnt at one pace."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = 3.4445, -4.7750, 2.0315  # a, b, c: they push every singular value towards one
ITERATIONS = 5


def orthogonalise(matrices: Sequence[Tensor]) -> list[Tensor]:
    """Move all singular values of each matrix close to one, into [0.7, 1.2].

        X <- P X,   P = a + b X X^T + c (X X^T)^2,   five times

    Every P is a polynomial of the first X X^T, so the iteration runs on that small square alone,
    and on all squares of one size at once; X is multiplied only at the end.

    Args:
        matrices: (m, n) each, float32, any shapes.

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".
    """
    wide = [matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T for matrix in matrices]
    units = [matrix / (matrix.norm() + 1e-7) for matrix in wide]
    factors = _whitening([unit @ unit.T for unit in units])
    made = [factor @ unit for factor, unit in zip(factors, units, strict=True)]
    return [
        new if new.shape == matrix.shape else new.T
        for new, matrix in zip(made, matrices, strict=True)
    ]


def _whitening(grams: Sequence[Tensor]) -> list[Tensor]:
    """Return the product of the five P for each X X^T, (m, m); equal sizes in one batch."""
    sizes: dict[int, list[int]] = {}
    for place, gram in enumerate(grams):
        sizes.setdefault(len(gram), []).append(place)
    factors = list(grams)
    for places in sizes.values():
        together = _iterate(torch.stack([grams[place] for place in places]))
        for place, factor in zip(places, together, strict=True):
            factors[place] = factor
    return factors


def _iterate(gram: Tensor) -> Tensor:
    """(batch, m, m) -> (batch, m, m)."""
    product = _polynomial(gram)
    p = product
    for _ in range(ITERATIONS - 1):
        gram = p @ gram @ p
        p = _polynomial(gram)
        product = p @ product
    return product


def _polynomial(gram: Tensor) -> Tensor:
    """a + b X X^T + c (X X^T)^2; (batch, m, m)."""
    a, b, c = NEWTON_SCHULZ
    p = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
    p.diagonal(dim1=1, dim2=2).add_(a)
    return p


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, made orthogonal, scaled so that an AdamW rate fits.

    A convolution counts as the matrix (out, in k k). Everything is float32: bfloat16 products are
    tens of times slower on most CPUs, and the matrices are small.

    Args:
        parameters: hidden matrices and convolutions, or groups of them; not biases, norms, the
            first or last layer.
        momentum: decay of the averaged gradient.
        weight_decay: decoupled.

    Source: Jordan et al. 2024; the scale 0.2 sqrt(max(m, n)) is of Liu et al. 2025
    (arXiv:2502.16982).
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        *,
        lr: float = 1e-3,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step."""
        assert closure is None, "this optimizer takes no closure"
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            ahead = [self._ahead(parameter, group["momentum"]) for parameter in parameters]
            for parameter, update in zip(parameters, orthogonalise(ahead), strict=True):
                scale = 0.2 * max(update.shape) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update.view_as(parameter), alpha=-group["lr"] * scale)

    def _ahead(self, parameter: nn.Parameter, momentum: float) -> Tensor:
        """Average the gradient, look one step ahead; as a matrix (out, in k k)."""
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        average: Tensor = state["momentum"].lerp_(gradient, 1 - momentum)
        return average.lerp(gradient, 1 - momentum).flatten(1)
