"""Loss by noise level is the training loss, taken apart."""

import pytest
import torch

from minimagen import Imagen
from minimagen.conditioning import Conditioning
from minimagen.diffusion import diffusion_loss
from minimagen.looking.noise_levels import evenly_spread, loss_by_noise_level
from minimagen.seeds import generators, normal


def test_it_is_the_training_loss_at_that_level(imagen: Imagen) -> None:
    """1e-4: sums of float32 in another order."""
    stage, config = imagen.stages[0], imagen.stages[0].config
    image = torch.linspace(-1, 1, 3 * 16 * 16).view(1, 3, 16, 16)
    cond = Conditioning(imagen.encode(["a red circle"]))
    [found] = loss_by_noise_level(stage, image, cond, [0.4], draws=3, seed=5)

    eps = normal(generators(range(3), 5, stage.name, "noise levels"), (3, 16, 16))
    with torch.no_grad():
        expected = diffusion_loss(
            lambda x_t, log_snr: stage.network(x_t, log_snr, cond[torch.zeros(3).long()]),
            image.expand(3, -1, -1, -1),
            eps,
            torch.full((3,), 0.4, dtype=torch.float64),
            schedule=config.schedule,
            objective=config.objective,
            weigh=config.weighting,
        )
    assert found.loss == pytest.approx(expected.mean().item(), rel=1e-4)
    assert found.log_snr == pytest.approx(float(config.schedule.log_snr(torch.tensor(0.4))))


def test_levels_lie_evenly(imagen: Imagen) -> None:
    schedule = imagen.stages[0].config.schedule
    log_snr = schedule.log_snr(torch.tensor(evenly_spread(imagen.stages[0], 5)).double())
    assert log_snr.tolist() == pytest.approx([-10, -5, 0, 5, 10], abs=1e-4)
