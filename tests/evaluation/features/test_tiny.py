import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from minimagen.data.drawing import draw
from minimagen.data.shapes import scene_for
from minimagen.data.world import all_pairs
from minimagen.errors import ConfigError
from minimagen.evaluation.digit_classifier import real_digits
from minimagen.evaluation.features import ClassifyingNetwork, features_of, load_features
from minimagen.evaluation.features.tiny import DIRECTORY, THINGS, load_tiny
from minimagen.evaluation.features.tiny_training import build
from minimagen.tensors import from_uint8, to_uint8

PAIRS = all_pairs("scenes")


def things(count: int, size: int = 64) -> Tensor:
    """Draw single things of every colour and shape in turn, from seeds that it was not shown."""
    drawn = [draw(scene_for(PAIRS[i % 36], 12345, i), size) for i in range(count)]
    return from_uint8(torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2))


def test_the_shipped_network_is_small_and_says_how_it_was_made() -> None:
    made = json.loads((DIRECTORY / "provenance.json").read_text())
    assert made["command"].startswith("python -m minimagen build-features --steps")
    assert (DIRECTORY / "model.safetensors").stat().st_size < 600_000


def test_it_names_nearly_every_thing_and_digit() -> None:
    network = load_tiny()
    assert isinstance(network, ClassifyingNetwork)
    seen = network.probabilities(things(144))
    assert torch.allclose(seen.sum(dim=1), torch.ones(144))
    assert seen.argmax(dim=1).eq(torch.arange(144) % 36).double().mean() >= 0.95
    digits, labels = real_digits()
    named = network.probabilities(digits[:200]).argmax(dim=1) - len(THINGS)
    assert named.eq(labels[:200]).double().mean() >= 0.95


def test_features_are_on_one_scale_and_independent_of_the_batch() -> None:
    network = load_features("tiny")
    features = features_of(network, [things(108), real_digits()[0][:108]])
    assert features.shape == (216, network.width)
    assert features.dtype == torch.float32
    assert 0.5 < features.var(dim=0).median() < 2
    alone = torch.cat([network(each[None]) for each in things(3)])
    assert torch.allclose(alone, features[:3], atol=1e-4)


def test_a_picture_has_the_features_of_its_bytes() -> None:
    images = things(4) + 0.003 * torch.randn(
        4, 3, 64, 64, generator=torch.Generator().manual_seed(0)
    )
    network = load_features("tiny")
    assert torch.equal(
        features_of(network, [images]), features_of(network, [from_uint8(to_uint8(images))])
    )


def test_a_larger_picture_is_nearly_the_same_picture() -> None:
    """Much nearer than another picture of its kind is."""
    network = load_features("tiny")
    small, large = network(things(36)), network(things(36, 256))
    another = (small - small.roll(1, dims=0)).norm(dim=1)
    assert ((small - large).norm(dim=1) < 0.3 * another).all()


@pytest.mark.slow
def test_equal_seeds_give_equal_bytes_and_leave_the_global_state_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for name in ("a", "b"):
        build(tmp_path / name, steps=2, seed=0, scenes=72)
    assert torch.equal(torch.get_rng_state(), before)
    a, b = (tmp_path / name / "model.safetensors" for name in ("a", "b"))
    assert a.read_bytes() == b.read_bytes()
    assert load_tiny(path=a).identity != load_tiny().identity


def test_missing_or_damaged_weights_are_said_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for content in (None, b"damaged"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError, match="missing or damaged; install minimagen again"):
            load_tiny(path=path)
