"""A drawing that is watched is the same drawing; stopping it costs one call of a network."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from minimagen import Imagen
from minimagen.canvas import Canvas, Edit
from minimagen.cascade import CascadeConfig
from minimagen.editing.inpainting import inpainting
from minimagen.editing.inversion import by_inversion
from minimagen.watching import Glimpse, Pace, step_costs, watched
from tests.conftest import cascade_of

CAPTIONS = ["a red circle", "a blue square", "a green triangle"]
KNOWN = torch.zeros(1, 3, 32, 32)
MASK = torch.ones(1, 1, 32, 32, dtype=torch.bool)
EDITS: dict[str, Edit] = {
    "plain": Canvas.paint,
    "inpainting": inpainting(KNOWN, MASK),
    "resampling": inpainting(KNOWN, MASK, resample=2),
    "inversion": by_inversion(KNOWN, None),
}


@pytest.fixture
def imagen(write_parameters: Callable[..., Path]) -> Imagen:
    return Imagen.create(CascadeConfig.read(write_parameters(cascade_of(16, 32))))


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_watching_changes_nothing_and_sees_every_step_in_order(imagen: Imagen, edit: Edit) -> None:
    seen: list[Glimpse] = []
    how = {"steps": 3, "guidance_scale": 2.0, "batch_size": 2}
    drawn = imagen.sample(CAPTIONS, edit=watched(edit, seen.append), **how)
    assert torch.equal(drawn, imagen.sample(CAPTIONS, edit=edit, **how))
    told = list(dict.fromkeys((g.places, g.stage, g.step, g.of) for g in seen if g.step))
    batches = [range(2), range(2, 3)]
    assert told == [(b, stage, step, 3) for b in batches for stage in (0, 1) for step in (1, 2, 3)]
    assert {len(g.estimate) for g in seen if g.places == range(2)} == {2}


@pytest.mark.parametrize("sampler", ["heun", "dpmpp_2s", "euler_ancestral"])
def test_steps_with_several_calls_are_counted_once(imagen: Imagen, sampler: str) -> None:
    steps: list[int] = []
    imagen.sample(
        CAPTIONS[:1],
        steps=4,
        sampler=sampler,
        size=16,
        edit=watched(Canvas.paint, lambda g: steps.append(g.step)),
    )
    assert steps == sorted(steps)
    assert set(steps) == {1, 2, 3, 4}


def test_what_is_raised_ends_the_drawing_after_that_call(imagen: Imagen) -> None:
    calls = []

    def stop(glimpse: Glimpse) -> None:
        calls.append(glimpse)
        if glimpse.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imagen.sample(CAPTIONS, steps=9, edit=watched(Canvas.paint, stop))
    assert len(calls) == 2


def test_time_left_is_exact_when_every_step_costs_what_was_reckoned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three images, two at a time; a step takes 1 s an image at the first stage, 5 s then.

    The first step takes an hour more, in which something is read: that does not count.
    """
    costs, steps, now = (1.0, 5.0), (4, 2), 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    pace, total = Pace(costs, steps, images=3), 3 * (4 * 1.0 + 2 * 5.0)
    first, *others = walk(steps, (range(2), range(2, 3)))
    now += 3600.0
    begun = now - costs[0] * len(first.places)
    assert pace.seconds_left(first) is None
    for glimpse in others:
        now += costs[glimpse.stage] * len(glimpse.places)
        assert pace.seconds_left(glimpse) == pytest.approx(total - (now - begun))


def test_a_stage_is_as_slow_as_it_was_not_as_it_was_reckoned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, steps = 0.0, (2, 2)
    monkeypatch.setattr("time.monotonic", lambda: now)
    pace = Pace((1.0, 1.0), steps, images=2)
    took = (1.0, 30.0)
    for glimpse in walk(steps, (range(1), range(1, 2))):
        now += took[glimpse.stage]
        left = pace.seconds_left(glimpse)
        if glimpse.places == range(1) and (glimpse.stage, glimpse.step) == (1, 2):
            assert left == pytest.approx(62.0)


def test_larger_stages_are_reckoned_dearer(imagen: Imagen) -> None:
    base, upper = step_costs(imagen.config)
    assert 0 < base < upper


def walk(steps: tuple[int, ...], batches: tuple[range, ...]) -> Iterator[Glimpse]:
    for places in batches:
        for stage, count in enumerate(steps):
            for step in range(1, count + 1):
                yield Glimpse(stage, places, step, count, torch.zeros(len(places), 3, 1, 1))
