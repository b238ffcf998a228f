"""What the shipped encoder has to carry for a network to draw from it, by linear probes."""

from itertools import product

import pytest
import torch
from torch import Tensor

from minimagen.seeds import permutation
from minimagen.text.encoders import T5Config, TextEncoder, load_encoder
from minimagen.text.locate import bundled_directory

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange")
SHAPES = ("circle", "square", "triangle", "star", "ring", "cross")
SIZES = ("", "small ", "large ")
PLACES = ("at the top left", "at the top", "on the right", "in the middle", "at the bottom left")
RELATIONS = ("left of", "right of", "above", "below")


@pytest.fixture(scope="module")
def tiny() -> TextEncoder:
    return load_encoder(T5Config())


def probe(features: Tensor, labels: Tensor) -> float:
    """Fit ridge regression to two thirds of the rows; return its accuracy on the rest."""
    features = torch.cat([features - features.mean(dim=0), torch.ones(len(features), 1)], dim=1)
    order = permutation(len(features), "probe")
    fit, rest = order[: 2 * len(order) // 3], order[2 * len(order) // 3 :]
    gram = features[fit].T @ features[fit] + 0.01 * len(fit) * torch.eye(features.shape[1])
    weights = torch.linalg.solve(
        gram, features[fit].T @ torch.eye(int(labels.max()) + 1)[labels[fit]]
    )
    right = (features[rest] @ weights).argmax(dim=1) == labels[rest]
    return float(right.float().mean())


def test_the_mean_token_tells_size_colour_shape_and_place(tiny: TextEncoder) -> None:
    """0.98: all of it is in the words, a linear map of their mean misses next to nothing."""
    words = list(product(SIZES, COLOURS, SHAPES, PLACES))
    text = tiny.encode(
        [f"a {size}{colour} {shape} {place}" for size, colour, shape, place in words]
    )
    mean = text.tokens.sum(dim=1) / text.mask.sum(dim=1, keepdim=True)
    for part, choices in enumerate((SIZES, COLOURS, SHAPES, PLACES)):
        labels = torch.tensor([choices.index(each[part]) for each in words])
        assert probe(mean, labels) >= 0.98, choices


def test_a_token_knows_what_belongs_to_it(tiny: TextEncoder) -> None:
    """0.95: a noun carries its colour, its role and the relation; chance is 1/6 to 1/2.

    Without that, cross-attention would see a bag of words, and "a red circle left of a blue
    square" would be "a blue circle left of a red square".
    """
    pairs = list(product(COLOURS, SHAPES))
    scenes = [
        (*one, relation, *other)
        for one, other, relation in product(pairs, pairs, RELATIONS)
        if one[0] != other[0] and one[1] != other[1]
    ]
    scenes = [scenes[i] for i in permutation(len(scenes), "scenes")[:1200].tolist()]
    text = tiny.encode([f"a {c} {s} {relation} a {d} {z}" for c, s, relation, d, z in scenes])
    first, second = text.tokens[:, 2], text.tokens[range(len(scenes)), text.mask.sum(dim=1) - 2]

    def labels(part: int, choices: tuple[str, ...]) -> Tensor:
        return torch.tensor([choices.index(scene[part]) for scene in scenes])

    assert probe(first, labels(0, COLOURS)) >= 0.95
    assert probe(second, labels(3, COLOURS)) >= 0.95
    assert probe(first, labels(2, RELATIONS)) >= 0.95
    assert probe(second, labels(2, RELATIONS)) >= 0.95
    role = torch.arange(2).repeat_interleave(len(scenes))
    assert probe(torch.cat([first, second]), role) >= 0.95


def test_features_have_about_unit_scale(tiny: TextEncoder) -> None:
    """0.3: the scale was set on captions of all kinds, these are of one."""
    text = tiny.encode([f"a {colour} {shape}" for colour, shape in product(COLOURS, SHAPES)])
    assert float(text.tokens[text.mask].square().mean().sqrt()) == pytest.approx(1, abs=0.3)


def test_captions_of_photographs_are_apart(tiny: TextEncoder) -> None:
    """0.97: cosine of mean tokens; three of six words agree in the closest pair."""
    captions = [
        "a photo of a chinese temple",
        "a pink flower",
        "a photo of a dog",
        "a photo of a cat",
    ]
    text = tiny.encode([*captions, "a street in the rain", "a handwritten seven"])
    mean = torch.nn.functional.normalize(text.tokens.sum(dim=1), dim=1)
    assert float((mean @ mean.T).fill_diagonal_(0).max()) < 0.97


def test_it_is_one_to_two_megabytes() -> None:
    assert 1e6 < sum(path.stat().st_size for path in bundled_directory().iterdir()) < 2e6
