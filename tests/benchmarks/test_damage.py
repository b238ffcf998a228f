"""The shipped feature network notices what is wrong with a generator, and how badly wrong it is."""

import pytest
import torch

from benchmarks.damage import Judge, See, by_network, distances, judge_by, steps_right
from benchmarks.damages import DAMAGES, Drawn, damaged, drawn_digits, drawn_scenes
from minimagen.evaluation.bootstrap import interval
from minimagen.evaluation.features import load_features
from minimagen.evaluation.frechet import frechet_to
from minimagen.evaluation.statistics import Statistics

COUNT = 80


@pytest.fixture(scope="module")
def see() -> See:
    return by_network(load_features("tiny"))


@pytest.fixture(scope="module")
def scenes() -> tuple[Drawn, Drawn]:
    return drawn_scenes(COUNT, 1), drawn_scenes(400, 2)


@pytest.fixture(scope="module")
def judge(scenes: tuple[Drawn, Drawn], see: See) -> Judge:
    return judge_by(scenes[1], see)


@pytest.fixture(scope="module")
def of_true_ones(scenes: tuple[Drawn, Drawn], judge: Judge) -> float:
    return judge(scenes[0].images)


@pytest.mark.parametrize("kind", DAMAGES)
def test_the_distance_rises_with_the_damage(
    kind: str, scenes: tuple[Drawn, Drawn], judge: Judge, of_true_ones: float
) -> None:
    """From other true pictures on, at each of two strengths: the second and the last."""
    little, much = (damaged(scenes[0], kind, each).images for each in DAMAGES[kind][1][1::2])
    assert of_true_ones < judge(little) < judge(much)


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damage_is_what_it_says(kind: str, scenes: tuple[Drawn, Drawn]) -> None:
    """As many pictures in range as before, other ones; and the same ones the next time."""
    drawn = scenes[0].rows(torch.arange(24))
    once, again = (damaged(drawn, kind, DAMAGES[kind][1][-1]) for _ in range(2))
    assert once.images.shape == drawn.images.shape
    assert once.images.abs().max() <= 1
    assert torch.equal(once.images, again.images)
    assert not torch.equal(once.images, drawn.images)


def test_dropped_modes_are_gone_and_the_others_are_as_they_were(
    scenes: tuple[Drawn, Drawn],
) -> None:
    drawn = scenes[0]
    left = damaged(drawn, "dropped modes", 0.5)
    assert set(drawn.modes.tolist()) == set(range(6))
    assert set(left.modes.tolist()) == {3, 4, 5}
    kept = drawn.modes >= 3
    assert torch.equal(left.images[kept], drawn.images[kept])


def test_other_true_pictures_are_at_0_within_the_interval(
    scenes: tuple[Drawn, Drawn], see: See
) -> None:
    """The features are no Gaussians; the interval holds 0 all the same."""
    drawn, reference = (see(each.images) for each in scenes)
    found = interval(frechet_to(Statistics.of(reference)), drawn, draws=60, within=(0, torch.inf))
    assert found.value > 0
    assert found.low == 0


@pytest.mark.slow
@pytest.mark.parametrize("world", ["scenes", "digits"])
def test_every_step_of_nearly_every_damage_is_ranked_right(world: str, see: See) -> None:
    if world == "scenes":
        drawn, reference = drawn_scenes(200, 1), drawn_scenes(1000, 2)
    else:
        digits, reference = drawn_digits()
        drawn = digits.rows(torch.arange(200))
    judge = judge_by(reference, see)
    true = judge(drawn.images)
    right = {kind: steps_right([true, *distances(drawn, kind, judge)]) for kind in DAMAGES}
    expected = dict.fromkeys(DAMAGES, 4)
    if world == "digits":  # grey: no colour can shift; smooth: a little JPEG does nothing to them
        expected |= {"colour shift": 0, "jpeg": 3}
    assert right == expected
