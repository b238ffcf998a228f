"""Structured pruning: residual blocks with fewer channels inside, refitted to what they answered.

A block reads, widens to ``hidden`` channels between its two convolutions, and answers. Channels in
there belong to the block alone, so they can go without a trace elsewhere. Which ones, and what the
others have to take over, is measured on what the network is asked while it draws:

    lost_c = var(a_c) |W_c|^2                           the smallest go
    W      = argmin |conv(W, a') + b - answer|^2        over all positions of all calls

where a is what the second convolution reads, W its weights, and a' the channels that are left.

Source: the criterion of An et al. 2023 (arXiv:2312.11983), eq. 4, in which a channel that does not
vary costs nothing, since the bias takes its place; the refit of He et al. 2017 (arXiv:1707.06168).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from minimagen.cascade import CascadeConfig
from minimagen.errors import UsageError
from minimagen.imagen import Caption, Imagen, make_stage
from minimagen.models import UNet
from minimagen.models.blocks import ResidualBlock
from minimagen.models.convolution import neighbours
from minimagen.models.unet import Level, UNetConfig
from minimagen.stage import Stage

Hear = Callable[[ResidualBlock, Tensor, Tensor, Tensor], None]
"""Told of a block's call: the block, x (B, C, H, W), embedding (B, E), answer (B, C', H, W)."""

MULTIPLE = 8  # channels that processors handle at once
BATCH = 4  # pictures at a time: all that is read of them is laid out at once
POSITIONS = 2**13  # that are looked at in each call: of large pictures, few are enough
DAMPING = 1e-4  # of the mean square of what is read, towards the weights as they were


def pruned(
    imagen: Imagen,
    keep: float,
    captions: Sequence[Caption],
    *,
    stages: Collection[int] | None = None,
    seed: int = 0,
) -> Imagen:
    """Return a smaller cascade that answers nearly as the given one.

    Args:
        imagen: the cascade; it is not changed.
        keep: share of the channels inside of blocks that is kept, in (0, 1].
        captions: drawn twice to measure on; some dozens of those that it will be asked, of which
            stages with large pictures need the first few.
        stages: which are pruned; None is all of them.
        seed: of these drawings.

    Raises:
        UsageError: for a share outside of its range, a stage that is not there, or no captions.
    """
    if not 0 < keep <= 1:
        raise UsageError(f"--KEEP {keep:g}: give the share of channels to keep, in (0, 1]")
    chosen = _chosen(imagen, stages)
    unets = [
        _narrowed(unet, keep) if index in chosen else unet
        for index, unet in enumerate(imagen.config.unets)
    ]
    config = CascadeConfig(imagen.config.imagen, tuple(unets))
    smaller = []
    for stage in imagen.stages:
        if stage.index not in chosen:
            smaller.append(stage)
            continue
        few = captions[: _enough(stage)]
        draw = partial(imagen.sample_stages, few, seed=seed, size=stage.config.size)
        network = make_stage(config, stage.index, stage.device).network
        _fit(network, stage.network, partial(draw, batch_size=BATCH))
        smaller.append(replace(stage, network=network.eval().requires_grad_(False)))
    made = Imagen(config, smaller, imagen.precision, imagen.device)
    made.text_encoder = imagen.text_encoder
    return made


def _fit(smaller: UNet, network: UNet, draw: Callable[[], object]) -> None:
    """Give a smaller network those weights of another one that answer most alike.

    Args:
        smaller: the same but for fewer channels inside of its blocks.
        network: the other one.
        draw: asks that one.
    """
    lost = _Lost()
    with _heard(network, lost.hear):
        draw()
    state, twins = network.state_dict(), {}
    for name, twin in _blocks(smaller).items():
        block = _blocks(network)[name]
        left = lost.without(block).topk(twin.conv_in.out_channels).indices
        state |= _kept(block, name, left.sort().values)
        twins[block] = twin
    smaller.load_state_dict(state)
    refit = _Refit(twins)
    with _heard(network, refit.hear):
        draw()
    refit.apply()


class _Lost:
    """How much each channel inside of each block varies."""

    def __init__(self) -> None:
        self._sums: dict[ResidualBlock, tuple[int, Tensor, Tensor]] = {}

    def hear(self, block: ResidualBlock, x: Tensor, embedding: Tensor, answer: Tensor) -> None:
        read = _exact(block.inside(x, embedding).movedim(1, -1).flatten(0, -2))  # (N, hidden)
        count, total, squares = self._sums.get(block, (0, torch.zeros(()), torch.zeros(())))
        self._sums[block] = (
            count + len(read),
            total + read.sum(dim=0),
            squares + read.square().sum(dim=0),
        )

    def without(self, block: ResidualBlock) -> Tensor:
        """Return what is lost by each channel's going, (hidden,)."""
        count, total, squares = self._sums[block]
        variance = squares / count - (total / count).square()
        return variance * _exact(block.conv_out.weight).square().sum(dim=(0, 2, 3))


class _Refit:
    """The least squares of every block's second convolution, from sums over all calls.

    Args:
        twins: each block's smaller one.
    """

    def __init__(self, twins: Mapping[ResidualBlock, ResidualBlock]) -> None:
        self._twins = twins
        self._sums: dict[ResidualBlock, tuple[Tensor, Tensor]] = {}

    def hear(self, block: ResidualBlock, x: Tensor, embedding: Tensor, answer: Tensor) -> None:
        twin = self._twins[block]
        around = neighbours(twin.inside(x, embedding)).flatten(0, -2)  # (N, 9 hidden)
        read = torch.cat([around, torch.ones_like(around[:, :1])], dim=1)
        wanted = (answer - block.shortcut(x)).movedim(1, -1).flatten(0, -2)  # (N, C')
        zero = torch.zeros((), dtype=torch.float64)
        moments, aims = self._sums.get(block, (zero, zero))
        self._sums[block] = (
            moments + _exact(read.T @ read),
            aims + _exact(read.T @ wanted),
        )

    @torch.no_grad()
    def apply(self) -> None:
        """Give every smaller block the weights that answer best."""
        for block, (moments, aims) in self._sums.items():
            conv = self._twins[block].conv_out
            before = _exact(torch.cat([conv.weight.flatten(1), _bias(conv)[:, None]], dim=1)).T
            held = DAMPING * moments.diagonal().mean() * _exact(torch.eye(len(moments)))
            change = torch.linalg.solve(moments + held, aims - moments @ before)
            weights = (before + change).T
            conv.weight.copy_(weights[:, :-1].reshape(conv.weight.shape))
            _bias(conv).copy_(weights[:, -1])


def _narrowed(config: UNetConfig, keep: float) -> UNetConfig:
    return replace(config, levels=tuple(_fewer_inside(level, keep) for level in config.levels))


def _fewer_inside(level: Level, keep: float) -> Level:
    """Keep a share of the channels, in whole multiples where there are enough."""
    multiple = MULTIPLE if level.inside >= 2 * MULTIPLE else 1
    count = multiple * max(1, round(keep * level.inside / multiple))
    return replace(level, hidden=min(count, level.inside))


def _kept(block: ResidualBlock, name: str, left: Tensor) -> dict[str, Tensor]:
    """Return a block's weights with some of its channels inside, by their names in the network."""
    steered = torch.cat([left, left + block.conv_in.out_channels])  # scales, then shifts
    return {
        f"{name}.conv_in.weight": block.conv_in.weight[left],
        f"{name}.conv_in.bias": _bias(block.conv_in)[left],
        f"{name}.norm_out.scale": block.norm_out.scale[left],
        f"{name}.steer.weight": block.steer.weight[steered],
        f"{name}.steer.bias": block.steer.bias[steered],
        f"{name}.conv_out.weight": block.conv_out.weight[:, left],
    }


@contextmanager
def _heard(network: UNet, hear: Hear) -> Iterator[None]:
    """Tell of every call of a network's residual blocks."""

    def tell(block: nn.Module, asked: tuple[Tensor, Tensor], answer: Tensor) -> None:
        assert isinstance(block, ResidualBlock)
        with torch.no_grad():
            hear(block, *asked, answer)

    with ExitStack() as hooks:
        for block in _blocks(network).values():
            hooks.callback(block.register_forward_hook(tell).remove)
        yield


def _enough(stage: Stage) -> int:
    """Return of how many pictures there is enough to measure, by its coarsest level."""
    positions = (stage.config.size // stage.network.config.size_multiple) ** 2
    return max(1, POSITIONS // positions)


def _blocks(network: nn.Module) -> dict[str, ResidualBlock]:
    return {name: part for name, part in network.named_modules() if isinstance(part, ResidualBlock)}


def _exact(tensor: Tensor) -> Tensor:
    """Return it in float64, on the CPU: not every device has that."""
    return tensor.cpu().double()


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _chosen(imagen: Imagen, stages: Collection[int] | None) -> set[int]:
    there = {stage.index for stage in imagen.stages}
    chosen = there if stages is None else set(stages)
    if not chosen <= there:
        raise UsageError(
            f"stages {', '.join(map(str, sorted(chosen)))}: the fitted ones are "
            f"{', '.join(map(str, sorted(there)))}; choose of them"
        )
    return chosen
