"""Waiting for a job while somebody holds the line."""

import asyncio

from fastapi import Request

from minimagen.apps.jobs import ClosedError, Job
from minimagen.apps.requests import DrawRequest
from minimagen.apps.studio import Studio
from minimagen.errors import MinimagenError, UsageError

LOOK_S = 0.05


async def drawn(studio: Studio, asked: DrawRequest, request: Request) -> Job | None:
    """Draw a request and return its finished job; None when the client has left.

    A client that leaves takes its job out of the queue.

    Raises:
        UsageError: when the job fails for a reason that the client can mend.
        MinimagenError: when it fails for another.
        ClosedError: when it was cancelled, as it is when the server ends.
    """
    job = await asyncio.to_thread(studio.submit, asked, client_of(request))
    try:
        while not job.is_over:
            await asyncio.sleep(LOOK_S)
            if await request.is_disconnected():
                return None
            job = studio.job(job.id)
    finally:
        studio.cancel(job.id)  # nothing, once it is over
    if job.state == "cancelled":
        raise ClosedError("cancelled before it was done; ask again")
    if job.error is not None:
        raise UsageError(job.error) if job.is_users_fault else MinimagenError(job.error)
    return job


def client_of(request: Request) -> str:
    """Name whoever asks, so that nobody fills the queue alone."""
    return request.client.host if request.client else "unknown"
