"""What a network costs, counted on the meta device: no memory, no arithmetic."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from minimagen.conditioning import Conditioning, LowRes, TextEmbedding
from minimagen.models.unet import UNet, UNetConfig

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


def cost_of(config: UNetConfig, side: int, *, text_width: int | None, lowres: bool) -> Cost:
    """Count a network.

    Args:
        config: its shape.
        side: of the image, in pixels: the whole picture, or the crop it is trained on.
        text_width: D of the text encoder; None without text.
        lowres: whether a low-resolution image comes with x_t.
    """
    with torch.device("meta"):
        network = UNet(config, text_width, lowres).to("meta")  # some constants ignore the context
        image, level = torch.empty(1, config.channels, side, side), torch.empty(1)
        text = None
        if text_width is not None:
            text = TextEmbedding(torch.empty(1, TOKENS, text_width), torch.ones(1, TOKENS).bool())
        cond = Conditioning(text, LowRes(image, level) if lowres else None)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(image, level, cond)
    return Cost(sum(p.numel() for p in network.parameters()), counter.get_total_flops())
