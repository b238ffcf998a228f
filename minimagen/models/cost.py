"""What a network costs, counted on the meta device: no memory, no arithmetic."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from minimagen.conditioning import Conditioning, LowRes, TextEmbedding
from minimagen.models.unet import Level, UNet, UNetConfig

TOKENS = 16  # of a typical caption


@dataclass(frozen=True)
class Cost:
    """Numbers of one network.

    Args:
        parameters: how many weights.
        flops: floating-point operations of one forward pass of one image; a multiplication and an
            addition are two.
    """

    parameters: int
    flops: int


def weights_at_least(config: UNetConfig) -> int:
    """Count most of a network's weights by arithmetic alone, and none that it has not.

    It takes no time however large the network would be, so that it can be asked before one is made.
    """
    blocks = sum(level.blocks * _weights_of_two_blocks(level, config) for level in config.levels)
    middle = 18 * config.levels[-1].width ** 2
    return blocks + middle + config.embedding**2


def flops_about(config: UNetConfig, side: int) -> int:
    """Estimate the operations of one forward pass of one image, by the same arithmetic.

    Every weight works once at every position of its level. Attention among positions is left out.

    Args:
        config: its shape.
        side: of the image, in pixels.
    """
    flops, positions = 0, (side // config.patch) ** 2
    for level in config.levels:
        flops += 2 * level.blocks * _weights_of_two_blocks(level, config) * positions
        positions //= 4
    return flops + 2 * 18 * config.levels[-1].width ** 2 * positions * 4


def _weights_of_two_blocks(level: Level, config: UNetConfig) -> int:
    """Count one block on the way down and, twice as wide at its entry, one on the way up."""
    squares = (9 + 9) + (18 + 9 + 2)  # convolutions and the shortcut, as multiples of width^2
    squares += 2 * 4 * level.self_attention + 2 * 2 * level.cross_attention
    read = 2 * 2 * config.text * level.cross_attention
    return level.width * (squares * level.width + 2 * 2 * config.embedding + read)


def cost_of(
    config: UNetConfig,
    side: int,
    *,
    text_width: int | None,
    lowres: bool,
    self_conditioned: bool = False,
) -> Cost:
    """Count a network.

    Args:
        config: its shape.
        side: of the image, in pixels: the whole picture, or the crop it is trained on.
        text_width: D of the text encoder; None without text.
        lowres: whether a low-resolution image comes with x_t.
        self_conditioned: whether its own last estimate does.
    """
    with torch.device("meta"):
        network = UNet(config, text_width, lowres, self_conditioned)
        network.to("meta")  # some constants ignore the context
        image, level = torch.empty(1, config.channels, side, side), torch.empty(1)
        text = None
        if text_width is not None:
            text = TextEmbedding(torch.empty(1, TOKENS, text_width), torch.ones(1, TOKENS).bool())
        cond = Conditioning(text, LowRes(image, level) if lowres else None)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(image, level, cond)
    return Cost(sum(p.numel() for p in network.parameters()), counter.get_total_flops())
