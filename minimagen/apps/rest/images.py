"""``/v1/images`` and ``/v1/models``: what OpenAI's clients ask for."""

import asyncio
import base64
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Form, Request, Response
from fastapi.responses import FileResponse

from minimagen.apps.guard import Guard
from minimagen.apps.history import Shot
from minimagen.apps.jobs import Job
from minimagen.apps.requests import DrawRequest
from minimagen.apps.rest.faults import responses
from minimagen.apps.rest.shapes import (
    Drawn,
    EditForm,
    GenerationBody,
    ImagesBody,
    Model,
    Models,
    file_path,
    model_of,
    size_name,
)
from minimagen.apps.rest.waiting import drawn
from minimagen.apps.studio import Studio

Format = Literal["url", "b64_json"] | None
LEFT = Response(status_code=499)  # nobody is there to read it
DRAWING: dict[str, Any] = {
    "response_model": ImagesBody,
    "response_model_exclude_none": True,
    "responses": responses(401, 404, 413, 422, 429, 503),
    "tags": ["images"],
}
EXAMPLES = {
    "one picture": {"value": {"prompt": "a red circle"}},
    "two, by link": {
        "value": {"prompt": "a large blue square", "n": 2, "seed": 7, "response_format": "url"}
    },
}


def image_routes(studio: Studio, guard: Guard) -> APIRouter:
    """Return the routes that draw and those that say with what.

    Args:
        studio: draws.
        guard: signs links to pictures.
    """
    routes = APIRouter(prefix="/v1")
    _add_drawing(routes, studio, guard)
    _add_models(routes, studio)
    _add_files(routes, studio)
    return routes


def _add_drawing(routes: APIRouter, studio: Studio, guard: Guard) -> None:
    """Add what draws, and keeps the line until it is done."""

    async def answer(request: Request, asked: DrawRequest, wanted: Format) -> ImagesBody | Response:
        job = await drawn(studio, asked, request)
        if job is None:
            return LEFT
        return await asyncio.to_thread(_images, job, wanted, str(request.base_url), guard)

    @routes.post("/images/generations", **DRAWING)
    async def generate(
        request: Request, body: Annotated[GenerationBody, Body(openapi_examples=EXAMPLES)]
    ) -> ImagesBody | Response:
        """Draw a caption, and wait for it."""
        asked = await asyncio.to_thread(lambda: body.asked(studio.runs.run(body.model or "")))
        return await answer(request, asked, body.response_format)

    @routes.post("/images/edits", **DRAWING)
    async def edit(
        request: Request, form: Annotated[EditForm, Form(media_type="multipart/form-data")]
    ) -> ImagesBody | Response:
        """Paint a part of a picture anew, or draw anew from it, and wait for that."""
        run = studio.runs.run(form.model or "")
        image = await form.picture().read()
        mask = None if form.mask is None else await form.mask.read()
        asked = await asyncio.to_thread(form.asked, run, image, mask)
        return await answer(request, asked, form.response_format)


def _add_models(routes: APIRouter, studio: Studio) -> None:
    """Add what says which runs can be drawn with."""

    @routes.get("/models", tags=["models"], responses=responses(401))
    def models() -> Models:
        """List the runs on offer; the first is drawn with unless another is named."""
        return Models(data=[model_of(run) for run in studio.runs])

    @routes.get("/models/{model}", tags=["models"], responses=responses(401, 404, 422))
    def model(model: str) -> Model:
        """Describe one run."""
        return model_of(studio.runs.run(model))


def _add_files(routes: APIRouter, studio: Studio) -> None:
    """Add what links to pictures lead to."""

    @routes.get(
        "/files/{entry}/{index}.png",
        response_class=FileResponse,
        responses={200: {"content": {"image/png": {}}}, **responses(401, 404, 422)},
        tags=["images"],
    )
    def file(entry: str, index: int) -> FileResponse:
        """Return a picture of the history."""
        return FileResponse(studio.history.shot(entry, index).path, media_type="image/png")


def _images(job: Job, wanted: Format, base: str, guard: Guard) -> ImagesBody:
    assert job.entry is not None, "a job that is done has its place in the history"
    shots = job.entry.shots
    return ImagesBody(
        created=int(job.ended or time.time()),
        data=[_drawn(shot, wanted, base, guard) for shot in shots],
        size=size_name(shots[0]),
    )


def _drawn(shot: Shot, wanted: Format, base: str, guard: Guard) -> Drawn:
    if wanted == "url":
        link = base.rstrip("/") + guard.signed(file_path(shot))
        return Drawn(url=link, seed=shot.seed, number=shot.number)
    content = base64.b64encode(shot.path.read_bytes()).decode("ascii")
    return Drawn(b64_json=content, seed=shot.seed, number=shot.number)
