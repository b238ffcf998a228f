"""A job from the request to its pictures, as what the visitor sees of it moment by moment."""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from PIL import Image
from pydantic import ValidationError

from minimagen.apps.history import Entry
from minimagen.apps.jobs import Job, Progress
from minimagen.apps.page import panel
from minimagen.apps.requests import DrawRequest, sentence
from minimagen.apps.runs import Run
from minimagen.apps.studio import Studio
from minimagen.errors import MinimagenError

PAUSE_S = 0.15  # between two moments that are shown: eyes need no more

FIRST_STEPS = 3  # the first ones tell little of the others: what is read once is read there


@dataclass(frozen=True)
class Moment:
    """What is seen of a job.

    Args:
        html: for the panel.
        job: its id; empty when there is none, or it is over.
        request: what is being drawn; None when it was refused.
        entry: what it left in the history, once it is done.
    """

    html: str
    job: str = ""
    request: DrawRequest | None = None
    entry: Entry | None = None


def follow(
    studio: Studio, ask: Callable[[], DrawRequest], client: str = ""
) -> Generator[Moment, None, None]:
    """Submit a request and show its job until it is over; whoever stops looking cancels it.

    Args:
        studio: draws it.
        ask: makes the request; what is wrong with it is shown.
        client: who asks.
    """
    yield from watch(studio, lambda: studio.submit(ask(), client))


def watch(studio: Studio, begin: Callable[[], Job]) -> Generator[Moment, None, None]:
    """Begin a job and show it until it is over; whoever stops looking cancels it.

    Args:
        studio: has the job.
        begin: makes it; what is wrong is shown.
    """
    try:
        job = begin()
    except ValidationError as error:
        yield Moment(panel.complaint(_capital(sentence(error.errors()))))
        return
    except MinimagenError as error:
        yield Moment(panel.complaint(_capital(str(error))))
        return
    request = job.request
    assert request is not None, "a job that has just begun is not over"
    try:
        stages = _Stages(studio.runs.run(request.run), request)
        shown = 0.0
        for now in studio.watch(job.id):
            stages.see(now)
            if time.monotonic() - shown >= PAUSE_S:
                shown = time.monotonic()
                yield Moment(stages.html(now), job.id, request)
        yield _last(studio.job(job.id), request)
    finally:
        studio.cancel(job.id)  # changes nothing about one that is over


class _Stages:
    """The cards of a job: what was seen of each stage last."""

    def __init__(self, run: Run, request: DrawRequest) -> None:
        sizes = [size for size in run.sizes if request.size is None or size <= request.size]
        self._cards = [panel.Card(size, 0, 0) for size in sizes]
        self._previews: list[Image.Image | None] = [None] * len(sizes)

    def see(self, now: Progress) -> None:
        """Take in a job's progress."""
        if not now.stages:
            return
        for k, card in enumerate(self._cards):
            if k == now.stage:
                self._previews[k] = now.preview or self._previews[k]
                card = panel.Card(card.size, now.step, now.of, self._previews[k])
            elif k < now.stage:
                card = panel.Card(card.size, card.steps, card.steps, self._previews[k])
            else:
                card = panel.Card(card.size, 0, card.steps, self._previews[k])
            self._cards[k] = card

    def html(self, now: Progress) -> str:
        """Show the cards and say how far the job is."""
        return panel.progress(_said(now, self._cards), self._cards)


def _said(now: Progress, cards: Sequence[panel.Card]) -> str:
    if now.waiting:
        jobs = "1 job is" if now.waiting == 1 else f"{now.waiting} jobs are"
        return f"{jobs} before yours."
    if not now.stages:
        return "Beginning."
    known = now.eta_s is not None and (now.stage or now.step >= FIRST_STEPS)
    left = f" About {panel.seconds(now.eta_s or 0)} left." if known else ""
    done = f" {now.pictures} of {now.of_pictures} pictures are done." if now.pictures else ""
    size = cards[now.stage].size
    return f"Stage {now.stage + 1} of {now.stages}, {size} px.{left}{done}"


def _last(job: Job, request: DrawRequest) -> Moment:
    if job.entry is not None:
        count = "a picture" if request.count == 1 else f"{request.count} pictures"
        took = panel.seconds(job.entry.seconds)
        said = f"Drew {count} in {took}. Seed {request.seed}."
        return Moment(panel.note(said), request=request, entry=job.entry)
    if job.state == "cancelled":
        return Moment(panel.note("Stopped. Nothing was kept."), request=request)
    return Moment(panel.complaint(_capital(job.error or "It ended.")), request=request)


def _capital(text: str) -> str:
    """Begin a sentence as sentences do."""
    return text[:1].upper() + text[1:]
