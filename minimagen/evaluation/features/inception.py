"""Inception v3, by whose features FID proper is measured; its weights are brought by the user.

Two kinds of weights are understood, told apart by their number of classes:

    1,008   the network of FID, carried over from TensorFlow in 2015. Its average pooling leaves
            padding out, and its last block takes the maximum in place of the average.
    1,000   torchvision's, of another training. Distances by it are not FID; it is named otherwise.

Pictures are brought to 299 px as Parmar et al. 2022 (arXiv:2104.11222) say: bicubic, antialiased.
Source: Szegedy et al. 2015 (arXiv:1512.00567); pooling as in Heusel et al. 2017 (arXiv:1706.08500).
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from minimagen.cache import cache_directory
from minimagen.errors import ConfigError
from minimagen.lowres import resize

SIDE = 299
WIDTH = 2048
FILES = (  # of torch-fidelity and torchmetrics, of pytorch-fid, of torchvision
    "weights-inception-2015-12-05-6726825d.pth",
    "pt_inception-2015-12-05-6726825d.pth",
    "inception_v3_google-0cc3c7bd.pth",
)
WANTED = f"bring {FILES[0]} (which torch-fidelity and torchmetrics fetch) for FID proper"
FID_CLASSES = 1008
UNREADABLE = (
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    EOFError,
    UnpicklingError,
    SafetensorError,
)

Kernel = int | tuple[int, int]
Pool = Callable[[Tensor], Tensor]
halve: Pool = partial(F.max_pool2d, kernel_size=3, stride=2)


class Layer(NamedTuple):
    """A convolution of a block, by the name that weights files have for it."""

    name: str
    channels: int
    kernel: Kernel = 1
    stride: int = 1


class Branch(NamedTuple):
    """Convolutions one after another; at the end, several may read the last one side by side."""

    chain: tuple[Layer, ...]
    ends: tuple[Layer, ...] = ()


class Convolution(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, before: int, layer: Layer, padded: bool = True) -> None:
        super().__init__()
        sides = (layer.kernel, layer.kernel) if isinstance(layer.kernel, int) else layer.kernel
        padding = tuple(side // 2 if padded else 0 for side in sides)
        self.conv = nn.Conv2d(
            before, layer.channels, sides, layer.stride, (padding[0], padding[1]), bias=False
        )
        self.bn = nn.BatchNorm2d(layer.channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, H, W) -> (B, channels, h, w)."""
        return F.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """An Inception block: branches side by side, and a pooled one; their channels are joined.

    Args:
        before: channels that come in.
        branches: the convolutions.
        pool: 3 x 3, as the last path.
        pooled: channels that a 1 x 1 convolution makes of what was pooled; 0 leaves it as it is.
    """

    def __init__(
        self, before: int, branches: Sequence[Branch], pool: Pool, pooled: int = 0
    ) -> None:
        super().__init__()
        self._branches, self._pool, self._pooled = branches, pool, pooled
        for chain, ends in branches:
            width = before
            for layer in chain:
                self.add_module(layer.name, Convolution(width, layer, layer.stride == 1))
                width = layer.channels
            for layer in ends:
                self.add_module(layer.name, Convolution(width, layer))
        if pooled:
            self.branch_pool = Convolution(before, Layer("branch_pool", pooled))

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, H, W) -> (B, sum of the branches, h, w)."""
        outputs = []
        for chain, ends in self._branches:
            y = x
            for layer in chain:
                y = self.get_submodule(layer.name)(y)
            outputs += [self.get_submodule(layer.name)(y) for layer in ends] or [y]
        y = self._pool(x)
        outputs.append(self.branch_pool(y) if self._pooled else y)
        return torch.cat(outputs, dim=1)


def _fine(before: int, pooled: int, average: Pool) -> Mixed:
    five = (Layer("branch5x5_1", 48), Layer("branch5x5_2", 64, 5))
    double = (
        Layer("branch3x3dbl_1", 64),
        Layer("branch3x3dbl_2", 96, 3),
        Layer("branch3x3dbl_3", 96, 3),
    )
    branches = (Branch((Layer("branch1x1", 64),)), Branch(five), Branch(double))
    return Mixed(before, branches, average, pooled)


def _to_middle() -> Mixed:
    double = (
        Layer("branch3x3dbl_1", 64),
        Layer("branch3x3dbl_2", 96, 3),
        Layer("branch3x3dbl_3", 96, 3, 2),
    )
    return Mixed(288, (Branch((Layer("branch3x3", 384, 3, 2),)), Branch(double)), halve)


def _middle(width: int, average: Pool) -> Mixed:
    wide, high = (1, 7), (7, 1)
    single = (
        Layer("branch7x7_1", width),
        Layer("branch7x7_2", width, wide),
        Layer("branch7x7_3", 192, high),
    )
    double = (
        Layer("branch7x7dbl_1", width),
        Layer("branch7x7dbl_2", width, high),
        Layer("branch7x7dbl_3", width, wide),
        Layer("branch7x7dbl_4", width, high),
        Layer("branch7x7dbl_5", 192, wide),
    )
    branches = (Branch((Layer("branch1x1", 192),)), Branch(single), Branch(double))
    return Mixed(768, branches, average, 192)


def _to_coarse() -> Mixed:
    three = (Layer("branch3x3_1", 192), Layer("branch3x3_2", 320, 3, 2))
    seven = (
        Layer("branch7x7x3_1", 192),
        Layer("branch7x7x3_2", 192, (1, 7)),
        Layer("branch7x7x3_3", 192, (7, 1)),
        Layer("branch7x7x3_4", 192, 3, 2),
    )
    return Mixed(768, (Branch(three), Branch(seven)), halve)


def _coarse(before: int, pool: Pool) -> Mixed:
    wide, high = (1, 3), (3, 1)
    single = Branch(
        (Layer("branch3x3_1", 384),),
        (Layer("branch3x3_2a", 384, wide), Layer("branch3x3_2b", 384, high)),
    )
    double = Branch(
        (Layer("branch3x3dbl_1", 448), Layer("branch3x3dbl_2", 384, 3)),
        (Layer("branch3x3dbl_3a", 384, wide), Layer("branch3x3dbl_3b", 384, high)),
    )
    return Mixed(before, (Branch((Layer("branch1x1", 320),)), single, double), pool, 192)


class Inception(nn.Module):
    """Inception v3 from pictures of 299 px to 2,048 features and its classes.

    Args:
        classes: 1,008 pools as the network of FID does, any other number as torchvision's.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        is_fid = classes == FID_CLASSES
        average = partial(
            F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=not is_fid
        )
        last = partial(F.max_pool2d, kernel_size=3, stride=1, padding=1) if is_fid else average
        self.Conv2d_1a_3x3 = Convolution(3, Layer("", 32, 3, 2), padded=False)
        self.Conv2d_2a_3x3 = Convolution(32, Layer("", 32, 3), padded=False)
        self.Conv2d_2b_3x3 = Convolution(32, Layer("", 64, 3))
        self.Conv2d_3b_1x1 = Convolution(64, Layer("", 80))
        self.Conv2d_4a_3x3 = Convolution(80, Layer("", 192, 3), padded=False)
        self.Mixed_5b = _fine(192, 32, average)
        self.Mixed_5c = _fine(256, 64, average)
        self.Mixed_5d = _fine(288, 64, average)
        self.Mixed_6a = _to_middle()
        self.Mixed_6b = _middle(128, average)
        self.Mixed_6c = _middle(160, average)
        self.Mixed_6d = _middle(160, average)
        self.Mixed_6e = _middle(192, average)
        self.Mixed_7a = _to_coarse()
        self.Mixed_7b = _coarse(1280, average)
        self.Mixed_7c = _coarse(2048, last)
        self.fc = nn.Linear(WIDTH, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return features; (B, 3, 299, 299) -> (B, 2048)."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = halve(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(halve(x))))
        for name, block in self.named_children():
            if name.startswith("Mixed"):
                x = block(x)
        features: Tensor = x.mean(dim=(2, 3))
        return features


class InceptionFeatures:
    """Inception as a :class:`~minimagen.evaluation.features.network.ClassifyingNetwork`.

    Args:
        network: with weights.
        digest: sha256 of its weights file.
        device: where it computes.
    """

    width = WIDTH

    def __init__(self, network: Inception, digest: str, device: torch.device | str) -> None:
        self._is_fid = network.fc.out_features == FID_CLASSES
        self.name = "inception" if self._is_fid else "inception (torchvision's, not FID's)"
        self.identity = f"{self.name} {SIDE} px bicubic sha256:{digest}"
        self._network = network.eval().requires_grad_(False).to(device)
        self._device = device

    def __call__(self, images: Tensor) -> Tensor:
        """Return features of pictures in [-1, 1]; (B, 3, H, W) -> (B, 2048), on the CPU."""
        features: Tensor = self._network(self._seen(images))
        return features.cpu()

    def probabilities(self, images: Tensor) -> Tensor:
        """Return how likely each class is, (B, classes), on the CPU.

        The network of FID is asked without the biases of its last layer, as the Inception score's
        own program did.
        """
        features, last = self._network(self._seen(images)), self._network.fc
        bias = None if self._is_fid else last.bias
        return F.linear(features, last.weight, bias).softmax(dim=1).cpu()

    def _seen(self, images: Tensor) -> Tensor:
        x = resize(images.to(self._device), SIDE, "bicubic")
        return (x - 1 / 255) * (127.5 / 128) if self._is_fid else x  # (byte - 128) / 128


def load_inception(
    path: Path | None = None, device: torch.device | str = "cpu"
) -> InceptionFeatures:
    """Load Inception's weights.

    Args:
        path: a file of weights, ``.pth`` or ``.safetensors``; None looks where their programs keep
            them, and in ``features/`` below the cache directory.
        device: where it computes.

    Raises:
        ConfigError: when there are none, or they are damaged or another network's.
    """
    file = path or _found()
    weights = _read(file)
    bias = weights.get("fc.bias")
    network = Inception(FID_CLASSES if bias is None else len(bias))
    own = {name: value for name, value in weights.items() if not name.startswith("AuxLogits.")}
    try:
        network.load_state_dict(_with_counters(own, network))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()[:120]
        raise ConfigError(f"{file}: holds no Inception v3 ({reason}); {WANTED}") from None
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return InceptionFeatures(network, digest, device)


def _with_counters(weights: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Fill in the batch norms' counters, which files from TensorFlow lack and nobody reads."""
    counters = {
        name: value
        for name, value in network.state_dict().items()
        if name.endswith("num_batches_tracked")
    }
    return counters | weights


def _places() -> list[Path]:
    """List the directories that are looked in."""
    hub = Path(torch.hub.get_dir()) / "checkpoints"
    try:
        return [cache_directory() / "features", hub]
    except RuntimeError:  # no home
        return [hub]


def _found() -> Path:
    files = (place / name for place in _places() for name in FILES)
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        raise ConfigError(
            f"feature network inception: no weights on this machine; {WANTED}, as "
            f"{_places()[0] / FILES[0]}"
        )
    return found


def _read(file: Path) -> dict[str, Tensor]:
    weights: dict[str, Tensor]
    try:
        if file.suffix == ".safetensors":
            weights = load_file(file)
        else:
            weights = torch.load(file, map_location="cpu", weights_only=True)
    except UNREADABLE:
        raise ConfigError(f"{file}: is missing, damaged or no weights file; {WANTED}") from None
    if not isinstance(weights, dict) or not all(isinstance(v, Tensor) for v in weights.values()):
        raise ConfigError(f"{file}: holds something else than named weights; {WANTED}")
    return weights
