import copy
import sys
from importlib.util import find_spec

import pytest
import torch
from torch import Tensor, nn

from minimagen.conditioning import Conditioning
from minimagen.errors import ConfigError
from minimagen.models import UNet, UNetConfig
from minimagen.models.unet import Level
from minimagen.training.config import (
    AdamW8bitConfig,
    AdamWConfig,
    MuonConfig,
    ScheduleFreeConfig,
)
from minimagen.training.muon import Muon, orthogonalise
from minimagen.training.optimizer import (
    groups_of,
    load_state_tensors,
    make_optimizers,
    require_optimizer,
    set_rate,
    state_tensors,
)

NEEDS_PACKAGE = pytest.mark.skipif(not find_spec("bitsandbytes"), reason="needs bitsandbytes")
KINDS = [
    AdamWConfig(),
    MuonConfig(),
    ScheduleFreeConfig(),
    pytest.param(AdamW8bitConfig(), marks=NEEDS_PACKAGE),
]
NAMES = ["adamw", "muon", "schedule_free", "adamw8bit"]


def test_every_group_keeps_its_share_of_its_own_peak() -> None:
    optimizers = make_optimizers(_network(), MuonConfig(matrix_rate=3.0), peak=0.01)
    set_rate(optimizers, 0.5)
    for optimizer, rate in zip(optimizers, (0.005, 0.015), strict=True):
        assert all(group["lr"] == pytest.approx(rate) for group in optimizer.param_groups)


def test_what_muon_does_not_take_may_have_a_rate_of_its_own_at_each_stage() -> None:
    config = MuonConfig(matrix_rate=3.0, rest_rate=(1.0, 0.25))
    for stage, rates in enumerate([(0.01, 0.03), (0.0025, 0.03)]):
        optimizers = make_optimizers(_network(), config, peak=0.01, stage=stage)
        for optimizer, rate in zip(optimizers, rates, strict=True):
            assert all(group["lr"] == pytest.approx(rate) for group in optimizer.param_groups)
    with pytest.raises(ConfigError, match="no value for stage 2"):
        make_optimizers(_network(), config, peak=0.01, stage=2)


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
    assert {id(p) for p in log_variance.parameters()} < {id(p) for p in own["params"]}
    assert (own["weight_decay"], own["peak"]) == (0.0, 0.01)
    assert optimizers[0].param_groups[0]["weight_decay"] == 0.1


@pytest.mark.parametrize("config", KINDS, ids=NAMES)
def test_every_parameter_is_in_exactly_one_group(config: AdamWConfig) -> None:
    network = _text_network()
    groups = groups_of(make_optimizers(network, config, peak=0.01))
    placed = [id(p) for group in groups for p in group["params"]]
    assert sorted(placed) == sorted(id(p) for p in network.parameters())


@pytest.mark.parametrize("config", [AdamWConfig(weight_decay=0.1), MuonConfig(weight_decay=0.1)])
def test_norms_biases_tokens_embeddings_and_gates_do_not_decay(config: AdamWConfig) -> None:
    network = _text_network()
    kept = {
        id(p)
        for group in groups_of(make_optimizers(network, config, peak=0.01))
        if group["weight_decay"] == 0
        for p in group["params"]
    }
    names = {name for name, p in network.named_parameters() if id(p) in kept}
    assert {"gate.weight", "gate.bias", "embed_log_snr.mlp.0.weight", "norm_out.scale"} < names
    assert {"reader.null_token", "reader.query", "conv_in.bias"} < names
    weights = {name for name, p in network.named_parameters() if p.ndim > 1}
    embeddings = {name for name in weights if name.startswith(("embed_", "gate."))}
    assert names & weights == embeddings


def test_a_step_without_gradient_only_decays_what_decays() -> None:
    """Decay is 1 - rate * weight_decay, to float32 rounding."""
    network, rate = _text_network(), 0.01
    before = copy.deepcopy(network)
    optimizers = make_optimizers(network, AdamWConfig(weight_decay=0.5), peak=rate)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizers[0].step()
    undecayed = {id(p) for p in network.undecayed()}
    for now, was in zip(network.parameters(), before.parameters(), strict=True):
        factor = 1.0 if id(now) in undecayed else 1 - rate * 0.5
        torch.testing.assert_close(now, was * factor)


@pytest.mark.parametrize("config", KINDS, ids=NAMES)
def test_each_kind_learns(config: AdamWConfig) -> None:
    """Thirty steps more than halve the error of copying two images."""
    network = _network()
    optimizers = make_optimizers(network, config, peak=0.01)
    first, *_, last = [_step(network, optimizers) for _ in range(30)]
    assert last < first / 2


def test_a_checkpoint_names_state_by_place_whatever_the_groups() -> None:
    """As one group in the network's order did: what was saved before still fits."""
    network, log_variance = _network(), nn.Linear(3, 1)
    [adamw] = make_optimizers(network, AdamWConfig(weight_decay=0.1), 0.01, log_variance)
    parameters = [*network.parameters(), *log_variance.parameters()]
    for i, parameter in enumerate(parameters):
        parameter.grad = torch.full_like(parameter, float(i))
    adamw.step()
    saved = state_tensors([adamw])
    places = [int(name.split(".")[1]) for name in saved]
    assert places == sorted(places)
    for i, parameter in enumerate(parameters):
        average = saved[f"0.{i}.exp_avg"]
        assert average.shape == parameter.shape
        torch.testing.assert_close(average, torch.full_like(parameter, 0.1 * i))


def test_eight_bits_without_the_package_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """None in the table of modules is Python's own way to say that one cannot be imported."""
    monkeypatch.setattr("sys.path", [])
    monkeypatch.delitem(sys.modules, "bitsandbytes", raising=False)
    with pytest.raises(ConfigError, match=r"pip install 'minimagen\[optim8\]', or choose adamw"):
        require_optimizer(AdamW8bitConfig())


@pytest.mark.parametrize("config", KINDS, ids=NAMES)
def test_state_put_back_continues_bit_for_bit(config: AdamWConfig) -> None:
    network = _network(width=24)  # 8 bits are for tensors of 4,096 numbers and more
    optimizers = make_optimizers(network, config, peak=0.01)
    _step(network, optimizers)
    other = copy.deepcopy(network)
    resumed = make_optimizers(other, config, peak=0.01)
    load_state_tensors(resumed, copy.deepcopy(state_tensors(optimizers)))
    _step(network, optimizers)
    _step(other, resumed)
    assert all(map(torch.equal, network.parameters(), other.parameters()))


def _network(width: int = 8) -> UNet:
    torch.manual_seed(0)
    level = Level(width=width)
    return UNet(UNetConfig(levels=(level, level)), text_width=None, lowres=False)


def _text_network() -> UNet:
    """Return one with all kinds of parameters."""
    level = Level(width=8, self_attention=True, cross_attention=True)
    return UNet(UNetConfig(levels=(level, level), head_width=8), text_width=12, lowres=True)


def _step(network: UNet, optimizers: list[torch.optim.Optimizer]) -> float:
    """Take a step towards copying two images; returns the error before it."""
    images: Tensor = torch.linspace(-1, 1, 2 * 3 * 8 * 8).view(2, 3, 8, 8)
    error = (network(images, torch.zeros(2), Conditioning()) - images).square().mean()
    error.backward()
    for optimizer in optimizers:
        optimizer.step()
    network.zero_grad()
    return float(error.detach())
