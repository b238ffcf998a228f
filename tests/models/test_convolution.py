"""Products are the convolutions they stand for; 1e-12 is float64 rounding."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minimagen.models.convolution import Conv3x3, Pointwise
from tests.models.networks import awakened, source

LAYOUTS = [torch.contiguous_format, torch.channels_last]


def image(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=source(0), dtype=torch.float64)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sides", [(1, 1), (1, 3), (2, 2), (4, 1), (3, 5), (8, 8)])
@pytest.mark.parametrize("make", [Pointwise, Conv3x3])
def test_answer_and_gradients_are_those_of_a_convolution(
    make: type[nn.Conv2d], sides: tuple[int, int], layout: torch.memory_format
) -> None:
    layer = awakened(make(6, 5)).double()
    x = image(3, 6, *sides).to(memory_format=layout).requires_grad_()
    leaves = (x, layer.weight, layer.bias)
    answers = (layer(x), F.conv2d(*leaves, padding=layer.padding))
    assert torch.allclose(*answers, atol=1e-12)
    toward = image(*answers[0].shape)
    own, theirs = (torch.autograd.grad(a, leaves, toward) for a in answers)
    assert all(torch.allclose(*pair, atol=1e-12) for pair in zip(own, theirs, strict=True))


@pytest.mark.parametrize("sides", [(2, 2), (4, 4)])
@pytest.mark.parametrize("make", [Pointwise, Conv3x3])
def test_channels_stay_last_in_memory(make: type[nn.Conv2d], sides: tuple[int, int]) -> None:
    """Or each layer after it would copy."""
    x = image(3, 6, *sides).to(memory_format=torch.channels_last)
    answer = make(6, 5).double()(x)
    assert answer.is_contiguous(memory_format=torch.channels_last)


def test_pointwise_may_lack_a_bias() -> None:
    x = image(1, 6, 2, 2)
    assert not Pointwise(6, 5, bias=False).double()(torch.zeros_like(x)).any()
