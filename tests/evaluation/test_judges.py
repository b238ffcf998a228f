"""Captions are judged by the rules of their data set, and by nobody where there are none."""

import numpy as np
import pytest
import torch
from torch import Tensor

from minimagen.data.drawing import draw
from minimagen.data.shapes import ShapesConfig, scene
from minimagen.data.sources import DataConfig
from minimagen.evaluation.digit_classifier import WORDS, real_digits
from minimagen.evaluation.features import FeatureNetwork
from minimagen.evaluation.judges import judge_for
from minimagen.tensors import from_uint8


class Blind:
    """A feature network that reads nothing."""

    name, width, identity = "blind", 2, "blind"

    def __call__(self, images: Tensor) -> Tensor:
        """See nothing."""
        return torch.zeros(len(images), 2)


class Reader(Blind):
    """One that reads, and finds every caption right."""

    def __call__(self, images: Tensor) -> Tensor:
        """See the same in everything."""
        return torch.ones(len(images), 2)

    def read(self, captions: list[str]) -> Tensor:
        """Read the same in everything."""
        return torch.ones(len(captions), 2)


def shapes(variant: str) -> DataConfig:
    return DataConfig(shapes=ShapesConfig(variant=variant))  # type: ignore[arg-type]


@pytest.mark.parametrize("variant", ["single", "scenes"])
def test_true_scenes_are_right_and_others_captions_are_not(variant: str) -> None:
    scenes = [scene(1, index, variant) for index in range(24)]  # type: ignore[arg-type]
    pictures = torch.from_numpy(np.stack([draw(each, 64) for each in scenes]))
    images, captions = from_uint8(pictures.permute(0, 3, 1, 2)), [each.caption for each in scenes]
    judge = judge_for(shapes(variant), captions, Blind())
    assert judge is not None
    assert judge.score(images, captions).mean() > 0.9
    assert judge.score(images, captions[1:] + captions[:1]).mean() < 0.3


def test_digits_are_judged_by_the_classifier() -> None:
    images, labels = real_digits()
    captions = [f"a handwritten {WORDS[label]}" for label in labels[:50]]
    judge = judge_for(DataConfig(dataset="digits"), captions, Blind())
    assert judge is not None
    assert judge.score(images[:50], captions).mean() >= 0.95


@pytest.mark.parametrize(
    ("data", "captions"),
    [
        (shapes("single"), ["a red circle", "a dog on the grass"]),
        (shapes("scenes"), ["a dog on the grass"]),
        (DataConfig(dataset="digits"), ["a handwritten eleven"]),
        (DataConfig(dataset="my_pictures"), ["a red circle"]),
        (shapes("single"), [""]),
    ],
)
def test_what_nobody_can_judge_is_not_judged(data: DataConfig, captions: list[str]) -> None:
    network: FeatureNetwork = Blind()
    assert judge_for(data, captions, network) is None


def test_a_network_that_reads_judges_any_caption() -> None:
    judge = judge_for(DataConfig(dataset="my_pictures"), ["a dog"], Reader())
    assert judge is not None
    assert not judge.is_verdict
    assert judge.score(torch.zeros(1, 3, 4, 4), ["a dog"]).item() == pytest.approx(100)
