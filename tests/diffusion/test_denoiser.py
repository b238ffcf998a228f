import pytest
import torch

from minimagen.conditioning import Conditioning
from minimagen.diffusion import Schedule, make_denoiser
from minimagen.diffusion.objectives import EDMPrediction, ObjectiveLike, X0Prediction
from minimagen.diffusion.schedules import CosineSchedule
from tests.diffusion.kinds import OBJECTIVES, SCHEDULES, name


@pytest.mark.parametrize("schedule", SCHEDULES, ids=name)
@pytest.mark.parametrize("objective", OBJECTIVES, ids=name)
def test_a_network_that_knows_the_answer_makes_a_denoiser_that_knows_x_0(
    schedule: Schedule, objective: ObjectiveLike
) -> None:
    """Float64, where the least alpha, e^-7.5, leaves thirteen digits."""
    source = torch.Generator().manual_seed(0)
    x_0, eps = torch.randn(2, 3, 2, 4, 4, dtype=torch.float64, generator=source)
    t = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    at = schedule.at(t, like=x_0)

    noisy = at.alpha * x_0 + at.sigma * eps

    def network(x_t: torch.Tensor, log_snr: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        assert torch.equal(x_t, objective.input_scale(at) * noisy)
        assert torch.equal(log_snr, at.flat_log_snr)
        return objective.target(x_0, eps, at)

    estimate = make_denoiser(network, schedule, objective)(noisy, t, Conditioning())
    assert torch.allclose(estimate, x_0, atol=1e-11)


@pytest.mark.parametrize("objective", [X0Prediction(), EDMPrediction()], ids=name)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_estimates_are_float32_whatever_the_network_computes_in(
    objective: ObjectiveLike, dtype: torch.dtype
) -> None:
    def network(x_t: torch.Tensor, log_snr: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        assert x_t.dtype == dtype
        return x_t.bfloat16()

    denoise = make_denoiser(network, CosineSchedule(), objective)
    x_t = torch.zeros(2, 3, 4, 4, dtype=dtype)
    assert denoise(x_t, torch.tensor([0.1, 0.2]), Conditioning()).dtype == torch.float32
