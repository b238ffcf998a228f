"""Pictures to vectors in which distances mean something, by networks that can be exchanged.

``tiny`` is shipped and works offline; ``inception``, ``dinov2`` and ``clip`` want weights that the
user brings, and say which and where to.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor

from minimagen.errors import ConfigError
from minimagen.evaluation.features.network import (
    ClassifyingNetwork,
    FeatureNetwork,
    ReadingNetwork,
)
from minimagen.tensors import from_uint8, to_uint8

__all__ = [
    "NAMES",
    "ClassifyingNetwork",
    "FeatureNetwork",
    "ReadingNetwork",
    "features_of",
    "load_features",
]

NAMES = ("tiny", "inception", "dinov2", "clip")
WEIGHTS = (".pth", ".pt", ".safetensors")
HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w.-]+", re.ASCII)
BATCH = 50  # pictures in one call
Told = Callable[[int], None]
"""Is told how many more pictures are done."""


def load_features(name: str, device: torch.device | str = "cpu") -> FeatureNetwork:
    """Load a feature network.

    Args:
        name: one of :data:`NAMES`; or a file of Inception's weights, a directory or a Hub name of a
            DINOv2 or CLIP as ``transformers`` keeps them.
        device: where it computes; features come back to the CPU.

    Raises:
        ConfigError: for another name, or when its weights are not on this machine or damaged; says
            what to bring.
    """
    if name == "tiny":
        from minimagen.evaluation.features.tiny import load_tiny

        return load_tiny(device)
    path = Path(name).expanduser()
    if name == "inception" or path.suffix in WEIGHTS:
        from minimagen.evaluation.features.inception import load_inception

        return load_inception(None if name == "inception" else path, device)
    if name in NAMES or path.is_dir() or HUB_NAME.fullmatch(name):
        from minimagen.evaluation.features.pretrained import load_pretrained

        return load_pretrained(name, device)
    raise ConfigError(
        f"feature network {name!r}: no such directory; choose one of {', '.join(NAMES)}, or give a "
        f"file of Inception's weights ({', '.join(WEIGHTS)}), or a directory or a Hub name of a "
        "DINOv2 or a CLIP"
    )


@torch.no_grad()
def features_of(
    network: FeatureNetwork, batches: Iterable[Tensor], told: Told = lambda more: None
) -> Tensor:
    """Return the features of many pictures, (N, width) float32, on the CPU.

    Pictures are rounded to bytes first, so that one in memory and its PNG have the same features;
    a call of the network sees at most 50 of them, so memory is flat.

    Args:
        network: sees them.
        batches: pictures in [-1, 1], (B, 3, H, W), of any sizes; taken one after the other.
        told: is told after every call.
    """
    found = [torch.zeros(0, network.width)]
    for images in batches:
        for some in torch.split(images, BATCH):
            found.append(network(from_uint8(to_uint8(some))))
            told(len(some))
    return torch.cat(found)
