"""The feature network that is shipped: small, offline, and made for the built-in data.

It was trained to say what a picture of ``shapes`` or ``digits`` shows, where, and how the picture
was spoilt. Its features are what its layers see on average, fine to coarse, and what it concludes;
each has variance 1 over unspoilt pictures. It knows no photographs: there it still sees blur, noise
and colour, and little of what is shown. ``tiny_training`` makes it.
"""

import hashlib
from itertools import pairwise
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from minimagen.data.world import all_pairs
from minimagen.errors import ConfigError
from minimagen.lowres import resize

SIDE = 64  # every picture is looked at in this size
WIDTHS = 3, 24, 48, 96, 96  # channels
STRIDES = 2, 2, 2, 1
CONCLUDED = 64  # numbers that the last layer hands on
BLOCKS = *WIDTHS[1:3], CONCLUDED  # features of the first two layers, and of the last
WIDTH = sum(BLOCKS)
THINGS = [f"{colour} {shape}" for colour, shape in all_pairs("scenes")]
CLASSES = len(THINGS) + 10  # and the digits
DIRECTORY = Path(__file__).with_name("tiny_weights")


class TinyNetwork(nn.Module):
    """Four convolutions, and what is concluded from them: 237,000 weights."""

    middle: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            )
            for (before, after), stride in zip(pairwise(WIDTHS), STRIDES, strict=True)
        )
        self.conclude = nn.Sequential(
            nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * WIDTHS[-1], CONCLUDED)
        )
        self.classify = nn.Linear(CONCLUDED, CLASSES)
        self.register_buffer("middle", torch.zeros(WIDTH))
        self.register_buffer("spread", torch.ones(WIDTH))

    def raw(self, images: Tensor) -> Tensor:
        """Return features before they are brought to one scale; (B, 3, 64, 64) -> (B, WIDTH)."""
        x, seen = images, []
        for block in self.blocks:
            x = block(x)
            seen.append(x.mean(dim=(2, 3)))
        return torch.cat([*seen[:2], self.conclude(x)], dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return features; (B, 3, 64, 64) -> (B, WIDTH)."""
        return (self.raw(images) - self.middle) / self.spread


class TinyFeatures:
    """The shipped network as a :class:`~minimagen.evaluation.features.network.ClassifyingNetwork`.

    Args:
        network: with weights.
        identity: says which weights.
        device: where it computes.
    """

    name = "tiny"
    width = WIDTH

    def __init__(self, network: TinyNetwork, identity: str, device: torch.device | str) -> None:
        self.identity = identity
        self._network = network.eval().requires_grad_(False).to(device)
        self._device = device

    def __call__(self, images: Tensor) -> Tensor:
        """Return features of pictures in [-1, 1]; (B, 3, H, W) -> (B, D), on the CPU."""
        features: Tensor = self._network(self._seen(images))
        return features.cpu()

    def probabilities(self, images: Tensor) -> Tensor:
        """Return how likely each of the 36 things and the 10 digits is; (B, 46), on the CPU."""
        concluded = self._network.raw(self._seen(images))[:, -CONCLUDED:]
        scores: Tensor = self._network.classify(concluded)
        return scores.softmax(dim=1).cpu()

    def _seen(self, images: Tensor) -> Tensor:
        return resize(images.to(self._device), SIDE)


def load_tiny(
    device: torch.device | str = "cpu", path: Path = DIRECTORY / "model.safetensors"
) -> TinyFeatures:
    """Load the shipped weights, or others of the same network.

    Raises:
        ConfigError: when the file is missing or damaged.
    """
    network = TinyNetwork()
    try:
        weights = load_file(path)
        network.load_state_dict(weights)
    except (OSError, RuntimeError, SafetensorError):
        raise ConfigError(
            f"feature network tiny: {path} is missing or damaged; install minimagen again, or make "
            "it with: python -m minimagen build-features"
        ) from None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return TinyFeatures(network, f"tiny {SIDE} px sha256:{digest}", device)
