"""The training step of a stage, from images to one loss for each of them."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.diffusion import Network, diffusion_loss, make_denoiser
from minimagen.lowres import prepare_lowres, resize, surroundings
from minimagen.runtime import bare, is_sharded
from minimagen.stage import Stage
from minimagen.tensors import blur, blur_reach, crop
from minimagen.training.draws import Draws


def stage_losses(
    stage: Stage,
    network: Network,
    images: Tensor,
    text: TextEmbedding | None,
    draws: Draws,
    log_variance: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Return the loss of each image; (B,).

    Args:
        stage: what is learnt.
        network: the one that is trained, or its average.
        images: whole pictures at the stage's size in [-1, 1], (B, 3, H, W).
        text: their captions; None for an unconditional stage.
        draws: what chance decided.
        log_variance: of the loss at each log-SNR, (B,) -> (B,); None leaves the loss as it is.
    """
    device = stage.device
    images = images.to(device)
    cond = training_condition(stage, images, text, draws)
    x_0 = images if draws.corners is None else crop(images, draws.corners, *draws.eps.shape[2:])
    eps, t = draws.eps.to(device), draws.t.to(device)
    if _asks_twice(stage, network, draws):
        at = stage.config.schedule.at(t, like=x_0)
        x_t = at.alpha * x_0 + at.sigma * eps
        cond = show_estimates(stage, bare(network), x_t, t, cond, draws.show_estimate.to(device))

    def predict(x_t: Tensor, log_snr: Tensor) -> Tensor:
        return network(x_t, log_snr, cond)

    return diffusion_loss(
        predict,
        x_0,
        eps,
        t,
        schedule=stage.config.schedule,
        objective=stage.config.objective,
        weigh=stage.config.weighting,
        log_variance=log_variance,
    )


def _asks_twice(stage: Stage, network: Network, draws: Draws) -> bool:
    """Whether the network makes estimates; all processes call a sharded one equally often."""
    may = stage.config.self_conditioning > 0
    return bool(draws.show_estimate.any()) or (may and is_sharded(network))


def training_condition(
    stage: Stage, images: Tensor, text: TextEmbedding | None, draws: Draws
) -> Conditioning:
    """Return what the network is told: captions and noised low-res images, some dropped."""
    lowres = None
    if stage.smaller is not None and draws.lowres_eps is not None:
        around, corners = _around_crops(stage, images, draws)
        sides = (around.shape[2], around.shape[3])
        smaller = resize(around, stage.smaller_sides(sides))
        lowres = prepare_lowres(
            blur(smaller, draws.lowres_blur, stage.config.augmentation.max_blur),
            sides,
            draws.lowres_t.to(images.device),
            draws.lowres_eps.to(images.device),
            stage.config.augmentation.schedule,
            corners,
            how=stage.config.lowres_filter,
        )
    cond = Conditioning(None if text is None else text.to(images.device), lowres)
    return cond.drop_text(draws.keep).drop_lowres(draws.keep_lowres)


def _around_crops(stage: Stage, images: Tensor, draws: Draws) -> tuple[Tensor, Tensor | None]:
    """Return what crops and their low-res images are cut from, and where they lie in it."""
    size, smaller = stage.config.size, stage.smaller
    if draws.corners is None or smaller is None or size % smaller:
        return images, draws.corners
    reach = blur_reach(stage.config.augmentation.max_blur)
    return surroundings(images, draws.corners, draws.eps.shape[2:], size // smaller, reach)


@torch.no_grad()
def show_estimates(
    stage: Stage, network: Network, x_t: Tensor, t: Tensor, cond: Conditioning, rows: Tensor
) -> Conditioning:
    """Tell some samples what the network makes of them when it is told no estimate.

    The estimate is what sampling would show, thresholded, and it is a constant: no gradient runs
    through it. Only the condition changes, never what the network is asked for.

    Args:
        stage: says how an answer is read.
        network: the one that is trained, or its average.
        x_t: noisy images, (B, C, H, W).
        t: times in [0, 1], (B,).
        cond: what the network is told besides.
        rows: which samples are shown an estimate, (B,), bool; the others are shown zeros.

    Source: Chen et al. 2022 (arXiv:2208.04202), algorithm 1.
    """
    denoise = make_denoiser(network, stage.config.schedule, stage.config.objective)
    some = rows if rows.any() else torch.arange(len(rows), device=rows.device) == 0
    previous = torch.zeros_like(x_t)
    previous[some] = stage.thresholding.wrap(denoise)(x_t[some], t[some], cond[some])
    return replace(cond, previous=previous * rows[:, None, None, None])
