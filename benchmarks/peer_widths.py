"""Our network at the widths that the peers are measured at, and one step of its training.

64 px, widths 64, 128 and 256, two blocks a level, self-attention and cross-attention at the lowest,
batches of 4: about as many weights as theirs have. A step is what ``train.py`` does to a batch,
from the draws to the gradient, and one Adam step, as theirs is.
"""

from collections.abc import Callable
from itertools import count

import torch

from minimagen.cascade import StageConfig
from minimagen.conditioning import TextEmbedding
from minimagen.diffusion.objectives import X0Prediction
from minimagen.diffusion.schedules import CosineSchedule
from minimagen.diffusion.times import StratifiedTimes
from minimagen.diffusion.weightings import UniformWeighting
from minimagen.models import UNet, UNetConfig
from minimagen.models.unet import Level
from minimagen.stage import Stage
from minimagen.training.draws import draw
from minimagen.training.step import stage_losses

SIDE, BATCH = 64, 4
TEXT_WIDTH, TOKENS = 768, 16  # of the embeddings that every contender is handed
LOWEST = Level(width=256, blocks=2, self_attention=True, cross_attention=True)
WIDTHS = UNetConfig(
    levels=(Level(width=64, blocks=2), Level(width=128, blocks=2), LOWEST),
    embedding=256,
    text=256,
    head_width=64,
)
STAGE = StageConfig(
    size=SIDE,
    schedule=CosineSchedule(),
    objective=X0Prediction(),
    weighting=UniformWeighting(),
    times=StratifiedTimes(),
)


def peer_widths_stage() -> Stage:
    """Return a base stage with fresh weights at the peers' widths."""
    torch.manual_seed(0)
    return Stage(0, STAGE, UNet(WIDTHS, TEXT_WIDTH, lowres=False), smaller=None)


def training_step(
    stage: Stage, batch: int = BATCH, text_width: int = TEXT_WIDTH
) -> Callable[[], float]:
    """Return what takes one training step of a stage on noise for pictures; it returns the loss.

    Args:
        stage: with or without low-res images; its network is trained in place.
        batch: images of a step.
        text_width: D of the embeddings, (B, 16, D).
    """
    side = stage.config.size
    images = torch.rand(batch, 3, side, side) * 2 - 1
    tokens = torch.randn(batch, TOKENS, text_width)
    text = TextEmbedding(tokens, torch.ones(batch, TOKENS, dtype=torch.bool))
    optimizer = torch.optim.Adam(stage.network.parameters(), lr=1e-4, fused=True)
    steps = count()

    def step() -> float:
        first = next(steps) * batch
        draws = draw(stage, range(first, first + batch), batch, seed=0)
        loss = stage_losses(stage, stage.network, images, text, draws).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step
