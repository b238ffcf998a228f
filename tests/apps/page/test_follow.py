"""A job as its visitor sees it, on a real cascade."""

from collections.abc import Callable
from functools import partial

import pytest

from minimagen.apps.page.follow import follow
from minimagen.apps.requests import DrawRequest
from minimagen.apps.studio import Studio

ONE = DrawRequest(captions=("a red circle",), seed=7)
LONG = DrawRequest(captions=("a red circle",), steps=250, images_per_caption=4)


def test_stages_are_seen_and_then_the_pictures(studio: Studio) -> None:
    *before, last = follow(studio, lambda: ONE)
    assert before, "nothing was seen while it was drawn"
    assert all(moment.job for moment in before)
    assert all("16 px" in moment.html and "32 px" in moment.html for moment in before)
    assert last.entry is not None
    assert last.job == ""
    assert "Seed 7" in last.html


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (partial(DrawRequest, captions=("x" * 5000,)), "4000 characters"),
        (partial(DrawRequest, captions=("a",), seed=-1), "greater than or equal to 0"),
        (partial(DrawRequest, captions=("a",), sampler="best"), "best"),
        (partial(DrawRequest, captions=("a",), run="other"), "No run of that name"),
        (partial(DrawRequest, captions=("a",), negative="b", guidance_scale=1), "guidance is 1"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_sentence(
    studio: Studio, ask: Callable[[], DrawRequest], said: str
) -> None:
    (moment,) = follow(studio, ask)
    assert said in moment.html
    assert moment.html.count('role="alert"') == 1
    assert moment.job == ""


def test_a_job_is_cancelled_when_nobody_looks_any_more(studio: Studio) -> None:
    looking = follow(studio, lambda: LONG)
    job = next(looking).job
    looking.close()
    assert studio.job(job).state == "cancelled"


def test_a_stopped_job_says_so_and_keeps_nothing(studio: Studio) -> None:
    looking = follow(studio, lambda: LONG)
    studio.cancel(next(looking).job)
    *_, last = looking
    assert "Stopped" in last.html
    assert last.entry is None
    assert studio.history.ids() == []


def test_a_visitor_is_told_how_many_are_before(studio: Studio) -> None:
    first = studio.submit(LONG)
    other = ONE.model_copy(update={"steps": 3})
    looking = follow(studio, lambda: other)
    assert "1 job is before yours" in next(looking).html
    studio.cancel(first.id)
    *_, last = looking
    assert last.entry is not None
