"""Jobs in a bounded queue, and the one thread that has the device.

Everything the page and the REST interface do to draw goes through here. Requests that are drawn
alike share a batch; a job that is cancelled stops within one call of a network, and what it leaves
in a batch that others need is thrown away.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from PIL import Image

from minimagen.apps.history import History, Shot, UnknownEntryError, new_id
from minimagen.apps.jobs import (
    ClientBusyError,
    ClosedError,
    Job,
    Progress,
    QueueFullError,
    UnknownJobError,
    kept_job,
)
from minimagen.apps.looks import request_to_look
from minimagen.apps.painter import Painter, Share, can_share
from minimagen.apps.requests import DrawRequest
from minimagen.apps.runs import Run, Runs
from minimagen.errors import MinimagenError, UsageError
from minimagen.imagen import to_pictures
from minimagen.runtime import Precision
from minimagen.watching import Glimpse, Pace

log = logging.getLogger(__name__)
REMEMBERED = 200  # jobs that are over; their pictures are in the history for good
LOOK_S = 0.2  # between two previews
PREVIEW_SIDE = 256  # of one picture, in pixels
PREVIEWED = 4  # pictures side by side


class _StoppedError(Exception):
    """Nobody wants the batch that is being drawn any more."""


@dataclass
class _Task:
    """A job and what only the thread that draws it needs; guarded by the studio's lock."""

    job: Job
    request: DrawRequest
    run: Run
    pictures: list[Image.Image]
    looked_at: Shot | None = None
    began: float = 0.0
    looked: float = 0.0
    pace: Pace | None = None


class Studio:
    """Draws jobs, one batch at a time.

    Args:
        runs: what can be drawn with; the first is loaded at once.
        history: where finished jobs go.
        device: None is the best there is.
        precision: None is bf16 on a GPU that has it.
        batch_size: pictures at a time; halved when the device's memory runs out.
        queue_size: jobs that may wait.
        per_client: jobs that one client may have waiting or drawn.
        weights: which of a run's weights.

    Raises:
        CheckpointError: when the first run cannot be loaded.
    """

    def __init__(
        self,
        runs: Runs,
        history: History,
        *,
        device: str | None = None,
        precision: Precision | None = None,
        batch_size: int = 4,
        queue_size: int = 16,
        per_client: int = 8,
        weights: str = "ema",
    ) -> None:
        self.runs, self.history = runs, history
        self.batch_size, self.queue_size, self.per_client = batch_size, queue_size, per_client
        self.counts: Counter[str] = Counter()
        self._painter = Painter(runs.first, device, precision, weights)
        self._tasks: dict[str, _Task] = {}
        self._over: dict[str, Job] = {}
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="studio", daemon=True)
        self._thread.start()

    # Asking

    def submit(self, request: DrawRequest, client: str = "") -> Job:
        """Take a job.

        Args:
            request: what is to be drawn.
            client: who asks; bounds how much one can have waiting. The empty one has no bound.

        Raises:
            UsageError: when the run is not on offer, or cannot draw that.
            QueueFullError: when too many jobs wait.
            ClientBusyError: when too many of this client's do.
            ClosedError: when the studio is about to end.
        """
        run = self.runs.run(request.run)
        request = request.model_copy(update={"run": run.name})
        if run.name == self._painter.run.name:
            self._painter.check(request)  # others show when they are loaded
        return self._take(request, run, client)

    def look(self, entry: str, index: int, client: str = "") -> Job:
        """Take a job that shows what the words of a picture did; :meth:`History.looks` has it then.

        Args:
            entry: the picture's place in the history.
            index: likewise.
            client: as in :meth:`submit`.

        Raises:
            UsageError: for a picture that is not there, or did not come from a caption alone.
            QueueFullError, ClientBusyError, ClosedError: as :meth:`submit` does.
        """
        request = request_to_look(self.history, self.runs, entry, index)
        run = self.runs.run(request.run)
        return self._take(request, run, client, self.history.shot(entry, index))

    def _take(
        self, request: DrawRequest, run: Run, client: str, looked_at: Shot | None = None
    ) -> Job:
        with self._changed:
            self._require_room(client)
            progress = Progress(waiting=len(self._tasks), of_pictures=request.count)
            job = Job(new_id(), "queued", request, progress, client)
            self._tasks[job.id] = _Task(job, request, run, [], looked_at)
            self.counts["submitted"] += 1
            self._changed.notify_all()
        return job

    def jobs(self, limit: int = 100) -> list[Job]:
        """Return the newest jobs: those of this session, and finished ones of those before it."""
        kept = {entry.id: kept_job(entry) for entry in self.history.entries(limit)}
        with self._changed:
            own = kept | self._over | {name: task.job for name, task in self._tasks.items()}
        return [own[name] for name in sorted(own, reverse=True)[:limit]]

    def job(self, job: str) -> Job:
        """Return a job as it is now.

        Raises:
            UnknownJobError: when there is none of this id, or it was over long ago.
        """
        with self._changed:
            return self._job(job)

    def cancel(self, job: str) -> Job:
        """Stop a job; one that is over stays as it is.

        Raises:
            UnknownJobError: when there is none of this id.
        """
        with self._changed:
            known = self._job(job)
            if not known.is_over:
                self._end(self._tasks[job], state="cancelled")
            return self._job(job)

    def watch(self, job: str) -> Iterator[Progress]:
        """Follow a job: its progress now, and whenever that has changed, until it is over.

        Raises:
            UnknownJobError: when there is none of this id.
        """
        last: Progress | None = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda seen=last: self._has_news(job, seen))  # type: ignore[misc]
                now = self._job(job)
            if now.progress is not last:
                last = now.progress
                yield last
            if now.is_over:
                return

    def wait(self, job: str, timeout_s: float | None = None) -> Job:
        """Wait until a job is over, or for some seconds; returns it as it is then.

        Raises:
            UnknownJobError: when there is none of this id.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._job(job).is_over, timeout_s)
            return self._job(job)

    @property
    def waiting(self) -> int:
        """How many jobs wait or are drawn."""
        return len(self._tasks)

    @property
    def is_alive(self) -> bool:
        """Whether its thread still draws."""
        return self._thread.is_alive()

    def require_room(self, client: str = "") -> None:
        """Check that a job would be taken.

        Raises:
            QueueFullError, ClientBusyError, ClosedError: as :meth:`submit` does.
        """
        with self._changed:
            self._require_room(client)

    def close(self, patience_s: float = 0.0) -> None:
        """Take no more jobs, finish those that are there, and end.

        Args:
            patience_s: for what is there to be finished; the rest is cancelled.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._tasks, patience_s)
            for task in list(self._tasks.values()):
                self._end(task, state="cancelled")
        self._thread.join()

    # Drawing

    def _work(self) -> None:
        while (shares := self._next_batch()) is not None:
            self._draw(shares)

    def _next_batch(self) -> list[tuple[_Task, Share]] | None:
        """Wait for the oldest job, and fill its batch with what can be drawn along with it."""
        with self._changed:
            self._changed.wait_for(lambda: self._tasks or self._is_closed)
            if not self._tasks:
                return None
            shares: list[tuple[_Task, Share]] = []
            room = 0
            for task in self._tasks.values():
                if shares and not _can_share(shares[0][0], task):
                    continue
                if not shares:
                    room = self._painter.room(task.request, self.batch_size)
                first = len(task.pictures)
                rows = range(first, min(task.request.count, first + room))
                shares.append((task, Share(task.request, rows)))
                room -= len(rows)
                if not room:
                    break
            for task, _ in shares:
                task.began = task.began or time.monotonic()
                self._update(task, state="drawing")
            return shares

    def _draw(self, shares: Sequence[tuple[_Task, Share]]) -> None:
        """Draw a batch and hand its pictures to their jobs; a job that goes wrong ends alone."""
        try:
            if shares[0][0].looked_at is not None:
                self._look(*shares[0])
                return
            pictures = self._drawn(shares)
            for task, share in shares:
                taken, pictures = pictures[: len(share.rows)], pictures[len(share.rows) :]
                self._hand(task, taken)
        except _StoppedError:
            return
        except torch.OutOfMemoryError:
            self._shrink([task for task, _ in shares])
        except MinimagenError as error:
            if len(shares) > 1:
                for one in shares:
                    self._draw([one])
            else:
                self._fail(shares[0][0], str(error), isinstance(error, UsageError))
        except Exception:
            log.exception("a batch went wrong")
            for task, _ in shares:
                self._fail(task, "something went wrong while drawing; the server's log says what")

    def _drawn(self, shares: Sequence[tuple[_Task, Share]]) -> list[Image.Image]:
        self._painter.prepare(shares[0][0].run)
        for task, _ in shares:
            task.pace = task.pace or self._painter.pace(task.request)
        return self._painter.draw(
            [share for _, share in shares], lambda glimpse: self._see(shares, glimpse)
        )

    def _look(self, task: _Task, share: Share) -> None:
        """Look at a picture, and keep what there is to see beside it."""
        assert task.looked_at is not None
        self._painter.prepare(task.run)
        task.pace = self._painter.pace(task.request)
        looks = self._painter.look(
            task.request,
            lambda glimpse: self._see([(task, share)], glimpse),
            lambda: self._require_wanted([task]),
        )
        try:
            self.history.keep_looks(task.looked_at, looks)
            entry = self.history.entry(task.looked_at.entry)
        except UnknownEntryError:
            self._fail(task, "the picture was removed meanwhile; choose another", users=True)
            return
        except MinimagenError as error:
            log.error("job %s: cannot be kept (%s)", task.job.id, error)
            self._fail(task, "what was seen cannot be written; mend the disk")
            return
        with self._changed:
            self._end(task, state="done", entry=entry)
        log.info("job %s: a picture was looked at", task.job.id)

    @staticmethod
    def _require_wanted(tasks: Sequence[_Task]) -> None:
        if all(task.job.is_over for task in tasks):
            raise _StoppedError

    def _see(self, shares: Sequence[tuple[_Task, Share]], glimpse: Glimpse) -> None:
        """Tell the jobs of a batch how far they are; stop when nobody wants it."""
        self._require_wanted([task for task, _ in shares])
        start = 0
        for task, share in shares:
            rows = slice(start, start + len(share.rows))
            start = rows.stop
            if not task.job.is_over:
                self._tell(
                    task, replace(glimpse, places=share.rows, estimate=glimpse.estimate[rows])
                )

    def _tell(self, task: _Task, glimpse: Glimpse) -> None:
        assert task.pace is not None, "made before the first glimpse"
        preview, now = task.job.progress.preview, time.monotonic()
        if now - task.looked > LOOK_S or glimpse.step == glimpse.of:
            task.looked, preview = now, _preview(glimpse.estimate)
        progress = replace(
            task.job.progress,
            stage=glimpse.stage,
            stages=task.pace.stages,
            step=glimpse.step,
            of=glimpse.of,
            preview=preview,
            eta_s=task.pace.seconds_left(glimpse),
        )
        with self._changed:
            self._update(task, progress=progress)

    def _hand(self, task: _Task, pictures: list[Image.Image]) -> None:
        """Give a job its pictures; keep it in the history when they are all there."""
        if task.job.is_over:
            return
        task.pictures += pictures
        done = len(task.pictures)
        if done < task.request.count:
            with self._changed:
                self._update(task, progress=replace(task.job.progress, pictures=done))
            return
        seconds = time.monotonic() - task.began
        try:
            entry = self.history.add(
                task.request,
                task.pictures,
                run=task.run.name,
                seconds=seconds,
                settings=self._painter.settings(task.request),
                job=task.job.id,
            )
        except OSError as error:
            log.error("job %s: cannot be kept (%s)", task.job.id, error.strerror)
            self._fail(task, f"the pictures cannot be written ({error.strerror}); mend the disk")
            return
        with self._changed:
            self.counts["pictures"] += done
            self.counts["milliseconds"] += round(1000 * seconds)
            progress = replace(task.job.progress, pictures=done, eta_s=0.0)
            self._end(task, state="done", entry=entry, progress=progress)
        log.info("job %s: %d pictures in %.1f s", task.job.id, done, seconds)

    def _shrink(self, tasks: Sequence[_Task]) -> None:
        """Draw fewer pictures at a time from now on, or give up when one is too many."""
        if self.batch_size > 1:
            self.batch_size //= 2
            log.warning("memory ran out: from now on %d pictures at a time", self.batch_size)
            return  # the jobs are still there, and drawn again
        for task in tasks:
            self._fail(task, "the device's memory ran out; ask for a smaller size", users=True)

    def _fail(self, task: _Task, error: str, users: bool = False) -> None:
        with self._changed:
            self._end(task, state="failed", error=error, is_users_fault=users)
        log.warning("job %s: failed", task.job.id)

    # Keeping count; all of it under the lock

    def _job(self, job: str) -> Job:
        if job in self._tasks:
            return self._tasks[job].job
        if job in self._over:
            return self._over[job]
        try:
            return kept_job(self.history.entry(job))
        except UnknownEntryError:
            raise UnknownJobError("no job of that id; it may have been over for long") from None

    def _has_news(self, job: str, last: Progress | None) -> bool:
        known = self._job(job)
        return known.is_over or known.progress is not last

    def _require_room(self, client: str) -> None:
        if self._is_closed:
            raise ClosedError("the server is about to end; ask again in a minute")
        own = sum(task.job.client == client for task in self._tasks.values())
        if client and own >= self.per_client:
            raise ClientBusyError(f"{own} jobs of yours are not done yet; wait for one of them")
        queued = sum(task.job.state == "queued" for task in self._tasks.values())
        if queued >= self.queue_size:
            raise QueueFullError(f"{queued} jobs wait already; ask again later")

    def _update(self, task: _Task, **changes: Any) -> None:
        if not task.job.is_over:
            if changes.get("state") == "drawing":
                changes["progress"] = replace(task.job.progress, waiting=0)
            task.job = replace(task.job, **changes)
            self._changed.notify_all()

    def _end(self, task: _Task, **changes: Any) -> None:
        """Take a job out of the queue, and remember it for a while."""
        if task.job.is_over:
            return
        del self._tasks[task.job.id]
        task.job = replace(task.job, request=None, ended=time.time(), **changes)
        task.job = replace(task.job, progress=replace(task.job.progress, waiting=0, preview=None))
        self.counts[task.job.state] += 1
        self._over[task.job.id] = task.job
        while len(self._over) > REMEMBERED:
            del self._over[next(iter(self._over))]
        for place, other in enumerate(self._tasks.values()):
            if other.job.state == "queued":
                self._update(other, progress=replace(other.job.progress, waiting=place))
        self._changed.notify_all()


def _can_share(one: _Task, other: _Task) -> bool:
    """Whether pictures of two jobs can be drawn in one batch; what is looked at is alone."""
    are_drawn = one.looked_at is None and other.looked_at is None
    return are_drawn and can_share(one.request, other.request)


def _preview(estimate: torch.Tensor) -> Image.Image:
    return _sheet(to_pictures(estimate[:PREVIEWED].float()))


def _sheet(pictures: Sequence[Image.Image]) -> Image.Image:
    """Set the first pictures side by side, not larger than a preview needs to be."""
    small = [picture.copy() for picture in pictures[:PREVIEWED]]
    for picture in small:
        picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    sheet = Image.new("RGB", (sum(p.width for p in small), max(p.height for p in small)))
    left = 0
    for picture in small:
        sheet.paste(picture, (left, 0))
        left += picture.width
    return sheet
