"""What a network costs, counted on the meta device: no memory, no arithmetic."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
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
    return blocks + _weights_of_middle(config) + config.embedding**2


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
    return flops + 2 * _weights_of_middle(config) * positions * 4


def _weights_of_two_blocks(level: Level, config: UNetConfig) -> int:
    """Count one block on the way down and, twice as wide at its entry, one on the way up."""
    convolutions = (9 + 9) + (18 + 9)  # as multiples of width x inside
    squares = 2 + 2 * 4 * level.self_attention + 2 * 2 * level.cross_attention  # of width^2
    read = 2 * 2 * config.text * level.cross_attention
    inside = level.inside * (convolutions * level.width + 2 * 2 * config.embedding)
    return inside + level.width * (squares * level.width + read)


def _weights_of_middle(config: UNetConfig) -> int:
    """Count the two convolutions of the block in the middle."""
    return 18 * config.levels[-1].width * config.levels[-1].inside


@dataclass(frozen=True)
class TrainingCost:
    """What one image takes in one training step, without the optimizer.

    Args:
        flops: operations forward and backward; with gradient checkpointing also those done again.
        saved_bytes: what the backward pass needs of the forward pass, in float32, the weights of
            attention included, which fused kernels do not keep. Checkpointed blocks keep their
            inputs alone; what one of them takes while it is done again comes on top.
    """

    flops: int
    saved_bytes: int


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
    network = _on_meta(config, text_width, lowres, self_conditioned)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        _answer(network, side, text_width, lowres)
    return Cost(sum(p.numel() for p in network.parameters()), counter.get_total_flops())


def training_cost_of(
    config: UNetConfig,
    side: int,
    *,
    text_width: int | None,
    lowres: bool,
    self_conditioned: bool = False,
) -> TrainingCost:
    """Count a network's forward and backward pass; takes what :func:`cost_of` takes.

    Where the network is shown its own estimate, the pass that makes the estimate is not counted.
    """
    network = _on_meta(config, text_width, lowres, self_conditioned)
    saved: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        saved.append(tensor)
        return tensor

    with FlopCounterMode(display=False) as counter:
        with saved_tensors_hooks(keep, lambda tensor: tensor):
            answer = _answer(network, side, text_width, lowres)
        answer.sum().backward()  # type: ignore[no-untyped-call]
    own = {_storage(parameter)[0] for parameter in network.parameters()}
    sizes = dict(map(_storage, saved))
    total = sum(size for storage, size in sizes.items() if storage not in own)
    return TrainingCost(counter.get_total_flops(), total)


def _on_meta(
    config: UNetConfig, text_width: int | None, lowres: bool, self_conditioned: bool
) -> UNet:
    with torch.device("meta"):
        return UNet(config, text_width, lowres, self_conditioned).to("meta")  # constants, too


def _answer(network: UNet, side: int, text_width: int | None, lowres: bool) -> Tensor:
    """Ask the network for one image."""
    with torch.device("meta"):
        image, level = torch.empty(1, network.config.channels, side, side), torch.empty(1)
        text = None
        if text_width is not None:
            text = TextEmbedding(torch.empty(1, TOKENS, text_width), torch.ones(1, TOKENS).bool())
        out: Tensor = network(
            image, level, Conditioning(text, LowRes(image, level) if lowres else None)
        )
    return out


def _storage(tensor: Tensor) -> tuple[int, int]:
    """Return which memory a tensor lies in, and how many bytes that has."""
    storage = tensor.untyped_storage()
    return storage._cdata, storage.nbytes()
