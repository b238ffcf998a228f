"""What is known of a job: records handed to whoever asks, and the errors of submitting one."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from PIL import Image

from minimagen.apps.history import Entry
from minimagen.apps.requests import DrawRequest
from minimagen.errors import MinimagenError

State = Literal["queued", "drawing", "done", "failed", "cancelled"]
OVER = ("done", "failed", "cancelled")


class QueueFullError(MinimagenError):
    """As many jobs wait as may."""


class ClientBusyError(MinimagenError):
    """As many jobs of one client wait or are drawn as may."""


class ClosedError(MinimagenError):
    """The studio takes no more jobs: it is about to end."""


class UnknownJobError(MinimagenError):
    """An id that no job has."""


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Args:
        waiting: how many jobs are before it; 0 when it is being drawn or over.
        pictures: how many are finished.
        of_pictures: how many were asked for.
        stage: which stage draws, from 0.
        stages: of how many.
        step: of the sampler, from 1; 0 before the first.
        of: steps of this stage.
        preview: what the pictures being drawn look like so far, side by side; None before there is
            anything to see.
        eta_s: seconds left once it is being drawn; None when nobody knows yet.
    """

    waiting: int = 0
    pictures: int = 0
    of_pictures: int = 0
    stage: int = 0
    stages: int = 0
    step: int = 0
    of: int = 0
    preview: Image.Image | None = None
    eta_s: float | None = None


@dataclass(frozen=True)
class Job:
    """A job at one moment.

    Args:
        id: to ask for it by.
        state: queued, drawing; then done, failed or cancelled.
        request: what was asked for; None when it is over, for pictures take room.
        progress: how far it is.
        client: who asked, as the studio was told.
        created: when it was submitted, seconds since 1970; likewise what follows.
        ended: when it was over.
        entry: its place in the history, once it is done.
        error: what went wrong, for people.
        is_users_fault: whether the one who asked can mend that.
    """

    id: str
    state: State
    request: DrawRequest | None
    progress: Progress
    client: str = ""
    created: float = field(default_factory=time.time)
    ended: float | None = None
    entry: Entry | None = None
    error: str | None = None
    is_users_fault: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in OVER


def kept_job(entry: Entry) -> Job:
    """Return a finished job as the history knows it, after the server was started again."""
    ended = datetime.fromisoformat(entry.created).timestamp()
    count = len(entry.shots)
    progress = Progress(pictures=count, of_pictures=count)
    return Job(
        entry.id, "done", None, progress, created=ended - entry.seconds, ended=ended, entry=entry
    )
