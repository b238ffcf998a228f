"""What a training step tells the network, and what it asks for."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from minimagen.conditioning import COMPLETE_NOISE, Conditioning, TextEmbedding
from minimagen.models import UNet
from minimagen.stage import Stage
from minimagen.tensors import crop, mean_per_sample
from minimagen.training.draws import Draws, draw
from minimagen.training.step import stage_losses, training_condition

Make = Callable[..., Stage]
SOURCE = torch.Generator().manual_seed(0)
IMAGES = torch.rand(4, 3, 32, 32, generator=SOURCE) * 2 - 1
NUMBERS = range(4)
SOME = torch.tensor([True, False, True, False])


def text_for(stage: Stage) -> TextEmbedding:
    """Return captions as wide as the stage reads them."""
    width = stage.network.reader.project[1].in_features
    tokens = torch.randn(4, 3, width, generator=torch.Generator().manual_seed(1))
    return TextEmbedding(tokens, torch.ones(4, 3, dtype=torch.bool))


def draws_of(stage: Stage, show: Tensor) -> Draws:
    """Draw for four samples, nothing dropped, and show some of them their estimates."""
    drawn = draw(stage, NUMBERS, 4, seed=0).undropped()
    return replace(drawn, show_estimate=show)


def naive_losses(stage: Stage, draws: Draws, show: Tensor) -> Tensor:
    """Return the plain error of x_0, each estimate made alone and shown as a constant."""
    x_0 = IMAGES
    if draws.corners is not None:
        x_0 = crop(IMAGES, draws.corners, draws.eps.shape[-1])
    cond = training_condition(stage, IMAGES, text_for(stage), draws)
    at = stage.config.schedule.at(draws.t, like=x_0)
    x_t = at.alpha * x_0 + at.sigma * draws.eps
    estimates = [
        stage.network(x_t[i : i + 1], at.flat_log_snr[i : i + 1], cond[i : i + 1]).clamp(-1, 1)
        if shown
        else torch.zeros_like(x_t[i : i + 1])
        for i, shown in enumerate(show.tolist())
    ]
    cond = replace(cond, previous=torch.cat(estimates).detach())
    return mean_per_sample((stage.network(x_t, at.flat_log_snr, cond) - x_0).square())


def gradients(network: UNet, losses: Tensor) -> list[Tensor]:
    """Return the gradient of the mean loss, of every parameter."""
    return list(torch.autograd.grad(losses.mean(), list(network.parameters())))


@pytest.mark.parametrize("changes", [{}, {"crop": 16}], ids=["whole", "crop"])
def test_an_estimate_is_shown_as_a_constant_and_the_target_stays(
    make_second_stage: Make, changes: dict[str, int]
) -> None:
    """The loss and its gradient are those of x_0 itself; 1e-4 is rounding in other batches."""
    stage = make_second_stage(self_conditioning=0.5, **changes)
    images, draws = IMAGES.clone(), draws_of(stage, SOME)
    losses = stage_losses(stage, stage.network, images, text_for(stage), draws)
    expected = naive_losses(stage, draws, SOME)
    assert torch.equal(images, IMAGES)
    torch.testing.assert_close(losses, expected, atol=1e-4, rtol=1e-4)
    pairs = zip(gradients(stage.network, losses), gradients(stage.network, expected), strict=True)
    for one, other in pairs:
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("show", "rows"),
    [(SOME, [2, 4]), (torch.ones(4).bool(), [4, 4]), (torch.zeros(4).bool(), [4])],
)
def test_only_chosen_samples_are_asked_about_twice(
    make_second_stage: Make, show: Tensor, rows: list[int]
) -> None:
    """And the estimate is made from no estimate."""
    stage = make_second_stage(self_conditioning=0.5)
    asked: list[int] = []
    told: list[Tensor | None] = []

    def network(x_t: Tensor, log_snr: Tensor, cond: Conditioning) -> Tensor:
        asked.append(len(x_t))
        told.append(cond.previous)
        return torch.ones_like(x_t)

    stage_losses(stage, network, IMAGES, text_for(stage), draws_of(stage, show))
    assert asked == rows
    assert told[0] is None
    if told[-1] is not None:
        assert torch.equal(told[-1].amax((1, 2, 3)), show.float())


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_a_share_of_zero_leaves_the_estimate_out_of_the_network(
    make_second_stage: Make, share: float
) -> None:
    network = make_second_stage(self_conditioning=share).network
    images = 3 if share else 2
    assert network.self_conditioned == bool(share)
    assert network.conv_in.in_channels == images * 3 * network.config.patch**2


def test_bf16_leaves_every_parameter_its_gradient(make_second_stage: Make) -> None:
    """Weights cast while no gradient was asked for are cast anew."""
    stage = make_second_stage(self_conditioning=0.5)
    draws = draws_of(stage, torch.ones(4).bool())
    with torch.autocast("cpu", torch.bfloat16):
        losses = stage_losses(stage, stage.network, IMAGES, text_for(stage), draws)
    losses.mean().backward()
    silent = [name for name, p in stage.network.named_parameters() if p.grad is None]
    assert silent == []


def test_a_dropped_low_res_image_is_nothing_at_complete_noise(make_second_stage: Make) -> None:
    """And the network answers differently."""
    stage = make_second_stage(lowres_dropout=0.5)
    kept = draws_of(stage, ~torch.ones(4).bool())
    dropped = replace(kept, keep_lowres=SOME)
    cond = training_condition(stage, IMAGES, text_for(stage), dropped)
    assert cond.lowres is not None
    assert cond.lowres.image.abs().amax((1, 2, 3)).bool().tolist() == SOME.tolist()
    assert (cond.lowres.log_snr == COMPLETE_NOISE).tolist() == (~SOME).tolist()
    one, other = (
        stage_losses(stage, stage.network, IMAGES, text_for(stage), draws)
        for draws in (kept, dropped)
    )
    changed = ((one - other).abs() > 1e-3 * one).tolist()
    assert changed == (~SOME).tolist()


def test_a_learned_variance_balances_each_loss(make_second_stage: Make) -> None:
    stage = make_second_stage()
    draws = draws_of(stage, ~torch.ones(4).bool())
    plain = stage_losses(stage, stage.network, IMAGES, text_for(stage), draws)
    balanced = stage_losses(
        stage, stage.network, IMAGES, text_for(stage), draws, lambda log_snr: 0.1 * log_snr
    )
    u = 0.1 * stage.config.schedule.log_snr(draws.t)
    torch.testing.assert_close(balanced, plain / u.exp() + u)
