import copy

import pytest
import torch
from torch import Tensor, nn

from minimagen.conditioning import Conditioning
from minimagen.models import UNet, UNetConfig
from minimagen.models.unet import Level
from minimagen.training.config import AdamWConfig, MuonConfig
from minimagen.training.muon import Muon, orthogonalise
from minimagen.training.optimizer import (
    groups_of,
    load_state_tensors,
    make_optimizers,
    rate_factor,
    set_rate,
    state_tensors,
)


def test_the_rate_rises_stays_and_falls_to_nothing() -> None:
    config = AdamWConfig(warmup_steps=4, decay_share=0.2)
    factors = [rate_factor(step, 100, config) for step in range(101)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert set(factors[4:81]) == {1.0}
    assert factors[90] == pytest.approx(0.5)
    assert factors[100] == 0.0


def test_without_decay_the_rate_stays() -> None:
    config = AdamWConfig(warmup_steps=0, decay_share=0.0)
    assert {rate_factor(step, 10, config) for step in range(10)} == {1.0}


def test_every_group_keeps_its_share_of_its_own_peak() -> None:
    optimizers = make_optimizers(_network(), MuonConfig(matrix_rate=3.0), peak=0.01)
    set_rate(optimizers, 0.5)
    assert [group["lr"] for group in groups_of(optimizers)] == pytest.approx([0.005, 0.015])


def test_muon_takes_the_ladder_s_matrices_and_adamw_all_the_rest() -> None:
    network = _network()
    adamw, muon = make_optimizers(network, MuonConfig(), peak=0.01)
    taken = [p for group in muon.param_groups for p in group["params"]]
    left = [p for group in adamw.param_groups for p in group["params"]]
    assert {id(p) for p in taken} == {id(p) for p in network.hidden_matrices()}
    assert len(taken) + len(left) == len(list(network.parameters()))
    assert all(p.ndim > 1 for p in taken)


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (16, 16)])
def test_orthogonalising_brings_singular_values_near_one_and_keeps_directions(
    shape: tuple[int, int],
) -> None:
    """The quintic's fixed band is about [0.7, 1.2]; a singular value of a thousandth ends below."""
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    made = u.T @ orthogonalise([matrix])[0] @ v.T  # diagonal, if directions are kept
    off_diagonal = made - made.diagonal().diag()
    assert off_diagonal.abs().max() < 1e-4
    clear = s > 0.1 * s.max()
    assert made.diagonal()[clear].min() > 0.6
    assert made.diagonal().max() < 1.3


def test_matrices_made_together_are_those_made_alone() -> None:
    """Sizes share a batch; 1e-4 is float32 rounding through five products."""
    torch.manual_seed(0)
    matrices = [torch.randn(shape) for shape in ((4, 9), (9, 4), (6, 6), (4, 30), (6, 8))]
    for alone, matrix in zip(orthogonalise(matrices), matrices, strict=True):
        assert alone.shape == matrix.shape
        torch.testing.assert_close(orthogonalise([matrix])[0], alone, atol=1e-4, rtol=1e-4)


def test_muon_first_step_is_minus_rate_times_scale_times_the_orthogonal_gradient() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.zeros(4, 3, 3, 3))
    weight.grad = torch.randn_like(weight)
    Muon([weight], lr=0.1, momentum=0.9).step()
    expected = -0.1 * 0.2 * 27**0.5 * orthogonalise([weight.grad.flatten(1)])[0].view_as(weight)
    torch.testing.assert_close(weight.data, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("config", [AdamWConfig(weight_decay=0.1), MuonConfig(weight_decay=0.1)])
def test_a_log_variance_is_adamws_without_decay(config: AdamWConfig) -> None:
    network, log_variance = _network(), nn.Linear(3, 1)
    optimizers = make_optimizers(network, config, 0.01, log_variance)
    own = optimizers[0].param_groups[1]
    assert own["params"] == list(log_variance.parameters())
    assert (own["weight_decay"], own["peak"]) == (0.0, 0.01)
    assert optimizers[0].param_groups[0]["weight_decay"] == 0.1


@pytest.mark.parametrize("config", [AdamWConfig(), MuonConfig()])
def test_state_put_back_continues_bit_for_bit(config: AdamWConfig) -> None:
    network = _network()
    optimizers = make_optimizers(network, config, peak=0.01)
    _step(network, optimizers)
    other = copy.deepcopy(network)
    resumed = make_optimizers(other, config, peak=0.01)
    load_state_tensors(resumed, copy.deepcopy(state_tensors(optimizers)))
    _step(network, optimizers)
    _step(other, resumed)
    assert all(map(torch.equal, network.parameters(), other.parameters()))


def _network() -> UNet:
    torch.manual_seed(0)
    return UNet(UNetConfig(levels=(Level(width=8), Level(width=8))), text_width=None, lowres=False)


def _step(network: UNet, optimizers: list[torch.optim.Optimizer]) -> None:
    images: Tensor = torch.linspace(-1, 1, 2 * 3 * 8 * 8).view(2, 3, 8, 8)
    (network(images, torch.zeros(2), Conditioning()) - images).square().sum().backward()
    for optimizer in optimizers:
        optimizer.step()
    network.zero_grad()
