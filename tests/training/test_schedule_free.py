"""Schedule-free AdamW against the paper's equations, and against its own promise."""

import copy

import torch
from torch import Tensor, nn

from minimagen.training.optimizer import at_average
from minimagen.training.schedule_free import ScheduleFreeAdamW

RATES = (0.01, 0.02, 0.03, 0.03, 0.03)
BETA_1, BETA_2, EPS, DECAY = 0.9, 0.99, 1e-8, 0.1


def gradient_at(y: Tensor) -> Tensor:
    """Return the gradient of a bowl that is steeper along some axes."""
    return y * torch.linspace(1, 10, len(y)).to(y) - 1


def steps_on_a_bowl(start: Tensor, optimizer: ScheduleFreeAdamW, y: nn.Parameter) -> None:
    y.data.copy_(start)
    for rate in RATES:
        optimizer.param_groups[0]["lr"] = rate
        y.grad = gradient_at(y.detach())
        optimizer.step()


def naive(start: Tensor) -> tuple[Tensor, Tensor]:
    """Return x and y after the steps: algorithm 1, with Adam's bias correction, word for word."""
    x, z, y, v = start.clone(), start.clone(), start.clone(), torch.zeros_like(start)
    for t, rate in enumerate(RATES, start=1):
        g = gradient_at(y)
        v = BETA_2 * v + (1 - BETA_2) * g**2
        scale = (v / (1 - BETA_2**t)).sqrt() + EPS
        z = z - rate * g / scale - rate * DECAY * y
        c = rate**2 / sum(earlier**2 for earlier in RATES[:t])
        x = (1 - c) * x + c * z
        y = (1 - BETA_1) * z + BETA_1 * x
    return x, y


def test_steps_are_those_of_the_paper() -> None:
    """1e-7: the sum of squared rates is kept in float32."""
    start = torch.linspace(-1, 1, 7, dtype=torch.float64)
    y = nn.Parameter(start.clone())
    optimizer = ScheduleFreeAdamW([y], betas=(BETA_1, BETA_2), eps=EPS, weight_decay=DECAY)
    steps_on_a_bowl(start, optimizer, y)
    expected_x, expected_y = naive(start)
    torch.testing.assert_close(y.data, expected_y, atol=1e-7, rtol=1e-7)
    with at_average([optimizer]):
        torch.testing.assert_close(y.data, expected_x, atol=1e-7, rtol=1e-7)


def test_looking_at_the_average_moves_nothing_by_a_bit() -> None:
    y = nn.Parameter(torch.linspace(-1, 1, 7))
    optimizer = ScheduleFreeAdamW([y])
    steps_on_a_bowl(y.detach().clone(), optimizer, y)
    before, state = y.detach().clone(), copy.deepcopy(optimizer.state[y])
    with at_average([optimizer]):
        assert not torch.equal(y, before)
    assert torch.equal(y, before)
    assert all(torch.equal(optimizer.state[y][name], state[name]) for name in state)


def test_at_a_rate_that_never_falls_the_average_comes_nearer_than_the_steps() -> None:
    """Noisy gradients of a bowl around 0: z keeps wandering, its average settles."""
    source = torch.Generator().manual_seed(0)
    y = nn.Parameter(torch.ones(200))
    optimizer = ScheduleFreeAdamW([y], lr=0.1)
    for _ in range(500):
        y.grad = y.detach() + torch.randn(200, generator=source)
        optimizer.step()
    z = optimizer.state[y]["z"].norm()
    with at_average([optimizer]):
        assert y.norm() < z / 4
