"""Tiny networks of every shape, and conditions to ask them under."""

import math
from typing import TypeVar

import torch
from torch import Tensor, nn

from minimagen.conditioning import Conditioning, LowRes, TextEmbedding
from minimagen.models import UNet, UNetConfig
from minimagen.models.unet import Level

TEXT = 5  # width of the text encoder
Network = TypeVar("Network", bound=nn.Module)


def source(seed: int) -> torch.Generator:
    """Return a generator of a test's own."""
    return torch.Generator().manual_seed(seed)


def awakened(network: Network, seed: int = 0) -> Network:
    """Give every parameter a random value of the size of a fresh one, the zero-initialised too."""
    draws = source(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            size = 1.0 if parameter.ndim == 1 else math.prod(parameter.shape[1:]) ** -0.5
            parameter.add_(torch.randn(parameter.shape, generator=draws) * size)
    return network


def base(**changes: object) -> UNet:
    """Return a base: text, self-attention at the lower of two levels, coordinates."""
    levels = (
        Level(width=8, cross_attention=True),
        Level(width=16, blocks=2, self_attention=True, cross_attention=True),
    )
    return made({"levels": levels, "coordinates": True, **changes}, lowres=False)


def upscaler(**changes: object) -> UNet:
    """Return a super-resolution network: text, a low-res image, convolutions only."""
    levels = (Level(width=8), Level(width=16, cross_attention=True))
    return made({"levels": levels, **changes}, lowres=True)


def refiner(**changes: object) -> UNet:
    """Return an upscaler that also reads its own earlier estimate."""
    levels = (Level(width=8), Level(width=16, cross_attention=True))
    return made({"levels": levels, **changes}, lowres=True, self_conditioned=True)


def unconditional(**changes: object) -> UNet:
    """Return a network without text."""
    levels = (Level(width=8), Level(width=16, self_attention=True))
    return made({"levels": levels, **changes}, lowres=False, text_width=None)


def made(
    changes: dict[str, object],
    *,
    lowres: bool,
    text_width: int | None = TEXT,
    self_conditioned: bool = False,
) -> UNet:
    """Build a network whose weights are always the same."""
    shape = {"patch": 2, "embedding": 16, "text": 12, "head_width": 4, **changes}
    torch.manual_seed(0)
    config = UNetConfig(**shape)  # type: ignore[arg-type]
    return UNet(config, text_width, lowres, self_conditioned)


KINDS = {
    "base": base,
    "upscaler": upscaler,
    "refiner": refiner,
    "unconditional": unconditional,
}


def inputs_for(
    network: UNet, batch: int = 3, side: int = 16
) -> tuple[Tensor, Tensor, Conditioning]:
    """Return x_t, log-SNR and a condition that fits the network; the second caption is short."""
    draws = source(1)
    x_t = torch.randn(batch, 3, side, side, generator=draws)
    log_snr = torch.linspace(-5, 5, batch)
    mask = torch.ones(batch, 4, dtype=torch.bool)
    mask[1:2, 2:] = False
    text = TextEmbedding(torch.randn(batch, 4, TEXT, generator=draws), mask)
    image = torch.randn(batch, 3, side, side, generator=draws)
    lowres = LowRes(image, torch.linspace(8, 2, batch))
    previous = torch.randn(batch, 3, side, side, generator=draws)
    return (
        x_t,
        log_snr,
        Conditioning(
            None if network.reader is None else text,
            None if network.embed_lowres_log_snr is None else lowres,
            previous if network.self_conditioned else None,
        ),
    )
