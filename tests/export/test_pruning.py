"""Pruned cascades are smaller, and answer as well as their channels can."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from minimagen import Imagen
from minimagen.errors import UsageError
from minimagen.export import pruned
from minimagen.models.blocks import ResidualBlock

CAPTIONS = ["a red circle", "a blue square", "a green triangle"]
Calls = dict[str, list[tuple[Tensor, Tensor, Tensor]]]


def blocks(imagen: Imagen) -> dict[str, ResidualBlock]:
    """Return the residual blocks of all stages, by stage and place."""
    return {
        f"{stage.index} {name}": part
        for stage in imagen.stages
        for name, part in stage.network.named_modules()
        if isinstance(part, ResidualBlock)
    }


@pytest.fixture(scope="module")
def calls(cascade: Imagen) -> Calls:
    """Return what each block was asked and answered while pictures were drawn."""
    heard: Calls = {name: [] for name in blocks(cascade)}

    def listener(name: str) -> Callable[..., None]:
        return lambda block, asked, answer: heard[name].append((*asked, answer))

    hooks = [b.register_forward_hook(listener(name)) for name, b in blocks(cascade).items()]
    cascade.sample(CAPTIONS)
    for hook in hooks:
        hook.remove()
    return heard


@pytest.fixture(scope="module")
def half(cascade: Imagen) -> Imagen:
    return pruned(cascade, 0.5, CAPTIONS)


def error(block: ResidualBlock, asked: list[tuple[Tensor, Tensor, Tensor]]) -> float:
    return sum(F.mse_loss(block(x, embedding), answer).item() for x, embedding, answer in asked)


def test_all_channels_kept_draw_the_same_pictures(cascade: Imagen) -> None:
    same = pruned(cascade, 1.0, CAPTIONS)
    assert torch.allclose(same.sample(CAPTIONS), cascade.sample(CAPTIONS), atol=1e-4)


def test_half_of_the_channels_are_gone_and_nothing_else(cascade: Imagen, half: Imagen) -> None:
    for name, block in blocks(cascade).items():
        smaller = blocks(half)[name]
        assert smaller.conv_in.out_channels == block.conv_in.out_channels // 2
        assert smaller.conv_out.out_channels == block.conv_out.out_channels
    for before, after in zip(cascade.stages, half.stages, strict=True):
        kept, was = after.network.state_dict(), before.network.state_dict()
        others = [name for name in was if ".residual." not in name]
        assert all(torch.equal(kept[name], was[name]) for name in others)


def test_no_small_change_of_its_weights_answers_better(
    cascade: Imagen, half: Imagen, calls: Calls
) -> None:
    """Least squares are a minimum; a change of 1 % is far more than the damping leaves of it."""
    source = torch.Generator().manual_seed(0)
    for name, block in blocks(half).items():
        best = error(block, calls[name])
        weight = block.conv_out.weight
        kept = weight.clone()
        change = torch.randn(weight.shape, generator=source)
        change *= 0.01 * kept.norm() / change.norm()
        for sign in (1, -1):
            weight.copy_(kept + sign * change)
            assert error(block, calls[name]) > best, name
        weight.copy_(kept)


def test_the_channels_that_vary_least_go(cascade: Imagen, calls: Calls) -> None:
    """Those that stand still are none that anybody misses: the bias takes their place."""
    name, block = next(iter(blocks(cascade).items()))
    still = torch.arange(block.conv_in.out_channels) % 2 == 0
    kept = {key: value.clone() for key, value in block.state_dict().items()}
    block.steer.weight[: len(still)][still] = 0  # their scale is -1: nothing is left of h
    block.steer.bias[: len(still)][still] = -1
    block.steer.weight[len(still) :][still] = 0
    made = blocks(pruned(cascade, 0.5, CAPTIONS, stages=[0]))[name]
    moved = block.steer.bias[: len(still)][~still]
    assert torch.equal(made.steer.bias[: len(moved)], moved)
    block.load_state_dict(kept)


def test_a_stage_that_is_not_chosen_stays(cascade: Imagen) -> None:
    made = pruned(cascade, 0.5, CAPTIONS, stages=[1])
    was = cascade.stages[0].network.state_dict()
    assert all(
        torch.equal(value, was[k]) for k, value in made.stages[0].network.state_dict().items()
    )


def test_impossible_wishes_are_refused(cascade: Imagen) -> None:
    with pytest.raises(UsageError, match="--KEEP 0"):
        pruned(cascade, 0.0, CAPTIONS)
    with pytest.raises(UsageError, match="stages 2: the fitted ones are 0, 1"):
        pruned(cascade, 0.5, CAPTIONS, stages=[2])
