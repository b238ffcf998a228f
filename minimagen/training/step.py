"""The training step of a stage, from images to one loss for each of them."""

from torch import Tensor

from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.diffusion import Network, diffusion_loss
from minimagen.lowres import prepare_lowres, resize
from minimagen.stage import Stage
from minimagen.tensors import crop
from minimagen.training.draws import Draws


def stage_losses(
    stage: Stage, network: Network, images: Tensor, text: TextEmbedding | None, draws: Draws
) -> Tensor:
    """Return the loss of each image; (B,).

    Args:
        stage: what is learnt.
        network: the one that is trained, or its average.
        images: whole pictures at the stage's size in [-1, 1], (B, 3, S, S).
        text: their captions; None for an unconditional stage.
        draws: what chance decided.
    """
    device = stage.device
    images = images.to(device)
    cond = training_condition(stage, images, text, draws)
    x_0 = images if draws.corners is None else crop(images, draws.corners, draws.eps.shape[-1])

    def predict(x_t: Tensor, log_snr: Tensor) -> Tensor:
        return network(x_t, log_snr, cond)

    return diffusion_loss(
        predict,
        x_0,
        draws.eps.to(device),
        draws.t.to(device),
        schedule=stage.config.schedule,
        objective=stage.config.objective,
        weigh=stage.config.weighting,
    )


def training_condition(
    stage: Stage, images: Tensor, text: TextEmbedding | None, draws: Draws
) -> Conditioning:
    """Return what the network is told: captions, some dropped, and a noised low-res image."""
    lowres = None
    if stage.smaller is not None and draws.lowres_eps is not None:
        lowres = prepare_lowres(
            resize(images, stage.smaller),
            stage.config.size,
            draws.lowres_t.to(images.device),
            draws.lowres_eps.to(images.device),
            stage.config.augmentation.schedule,
            draws.corners,
        )
    cond = Conditioning(None if text is None else text.to(images.device), lowres)
    return cond.drop_text(draws.keep)
