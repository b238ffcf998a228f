"""``/v1/jobs``: everything that can be drawn, without holding the line."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from minimagen.apps.guard import Guard
from minimagen.apps.jobs import Job, State, UnknownJobError
from minimagen.apps.requests import DrawRequest
from minimagen.apps.rest.faults import responses
from minimagen.apps.rest.shapes import file_path
from minimagen.apps.rest.waiting import LOOK_S, client_of
from minimagen.apps.studio import Studio
from minimagen.apps.uploads import png_of

LISTED = 100
EXAMPLE = {
    "captions": ["a red circle", "a large blue square on the left"],
    "images_per_caption": 2,
    "seed": 7,
    "steps": [16, 8, 4],
}


class JobProgress(BaseModel):
    """How far a job is."""

    waiting: int = Field(description="jobs before it")
    pictures: int = Field(description="that are finished")
    of_pictures: int
    stage: int = Field(description="from 0")
    stages: int
    step: int
    of: int = Field(description="steps of this stage")
    eta_s: float | None = Field(description="seconds left, where that is known")


class JobPicture(BaseModel):
    """A finished picture."""

    url: str
    caption: str
    seed: int
    number: int
    width: int
    height: int


class JobBody(BaseModel):
    """A job as it is now."""

    id: str
    state: State
    created: float = Field(description="seconds since 1970")
    ended: float | None
    progress: JobProgress
    error: str | None
    pictures: list[JobPicture]


class Jobs(BaseModel):
    """Jobs, the newest first."""

    data: list[JobBody]


def job_routes(studio: Studio, guard: Guard) -> APIRouter:
    """Return the routes of jobs that nobody waits for.

    Args:
        studio: draws.
        guard: signs links to pictures.
    """
    routes = APIRouter(prefix="/v1/jobs", tags=["jobs"])
    _add_submission(routes, studio, guard)
    _add_states(routes, studio, guard)
    _add_watching(routes, studio, guard)
    return routes


def _add_submission(routes: APIRouter, studio: Studio, guard: Guard) -> None:
    """Add what takes a job."""
    schema = DrawRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    body = {"schema": _inlined(schema), "example": EXAMPLE}

    @routes.post(
        "",
        status_code=202,
        responses=responses(401, 404, 413, 422, 429, 503),
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": body}}},
    )
    async def submit(request: Request) -> JobBody:
        """Take a job; ask for its state later."""
        sent = await request.body()

        def take() -> Job:  # pictures are decoded here: nothing for the thread that serves all
            return studio.submit(DrawRequest.model_validate_json(sent), client_of(request))

        return _shown(await asyncio.to_thread(take), guard)


def _add_states(routes: APIRouter, studio: Studio, guard: Guard) -> None:
    """Add what says how jobs are, and what stops one."""

    @routes.get("", responses=responses(401))
    def jobs() -> Jobs:
        """List the newest jobs."""
        return Jobs(data=[_shown(job, guard) for job in studio.jobs(LISTED)])

    @routes.get("/{job}", responses=responses(401, 404))
    def job(job: str) -> JobBody:
        """Return a job as it is now."""
        return _shown(studio.job(job), guard)

    @routes.delete("/{job}", responses=responses(401, 404))
    def cancel(job: str) -> JobBody:
        """Stop a job; one that is over stays as it is."""
        return _shown(studio.cancel(job), guard)


def _add_watching(routes: APIRouter, studio: Studio, guard: Guard) -> None:
    """Add what shows a job while it is drawn."""

    @routes.get(
        "/{job}/preview",
        response_class=Response,
        responses={200: {"content": {"image/png": {}}}, **responses(401, 404)},
    )
    def preview(job: str) -> Response:
        """Return what the pictures being drawn look like so far."""
        picture = studio.job(job).progress.preview
        if picture is None:
            raise UnknownJobError("there is nothing to see of that job just now")
        return Response(png_of(picture), media_type="image/png")

    @routes.get(
        "/{job}/events",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}, **responses(401, 404)},
    )
    async def events(job: str) -> StreamingResponse:
        """Follow a job: an event with its state whenever that has changed, until it is over."""
        studio.job(job)
        return StreamingResponse(_events(studio, guard, job), media_type="text/event-stream")


async def _events(studio: Studio, guard: Guard, job: str) -> AsyncIterator[str]:
    last: Job | None = None
    while last is None or not last.is_over:
        now = studio.job(job)
        if now is not last:
            yield f"data: {_shown(now, guard).model_dump_json()}\n\n"
            last = now
        await asyncio.sleep(LOOK_S)


def _shown(job: Job, guard: Guard) -> JobBody:
    names = JobProgress.model_fields
    progress = JobProgress(**{name: getattr(job.progress, name) for name in names})
    shots = () if job.entry is None else job.entry.shots
    return JobBody(
        id=job.id,
        state=job.state,
        created=job.created,
        ended=job.ended,
        progress=progress,
        error=job.error,
        pictures=[
            JobPicture(
                url=guard.signed(file_path(shot)),
                caption=shot.caption,
                seed=shot.seed,
                number=shot.number,
                width=shot.width,
                height=shot.height,
            )
            for shot in shots
        ],
    )


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Put the definitions of a schema where they are referred to; it has no circles."""
    known = schema.pop("$defs", {})

    def resolve(part: Any) -> Any:
        if isinstance(part, dict):
            if "$ref" in part:
                return resolve(known[part["$ref"].rpartition("/")[2]])
            return {key: resolve(value) for key, value in part.items() if key != "discriminator"}
        return [resolve(one) for one in part] if isinstance(part, list) else part

    resolved: dict[str, Any] = resolve(json.loads(json.dumps(schema)))
    return resolved
