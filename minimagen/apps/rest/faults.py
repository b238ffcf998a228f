"""What goes wrong, as OpenAI's clients expect to be told: a status and one sentence."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from minimagen.apps.history import UnknownEntryError
from minimagen.apps.jobs import (
    ClientBusyError,
    ClosedError,
    QueueFullError,
    UnknownJobError,
)
from minimagen.apps.requests import sentence
from minimagen.apps.runs import UnknownRunError
from minimagen.errors import MinimagenError, UsageError

AGAIN_S = "5"
STATUS: dict[type[MinimagenError], int] = {
    QueueFullError: 503,
    ClosedError: 503,
    ClientBusyError: 429,
    UnknownJobError: 404,
    UnknownEntryError: 404,
    UnknownRunError: 404,
    UsageError: 422,
    MinimagenError: 500,
}


class Fault(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class FaultResponse(BaseModel):
    """The body of every answer that is no success."""

    error: Fault


MEANINGS = {
    401: "no token, or a wrong one",
    403: "asked by another site, or for another host",
    404: "no such model, job or picture",
    408: "the request came too slowly",
    413: "too large",
    422: "something in the request is impossible; the message says what",
    429: "too many jobs of this client are waiting",
    503: "the queue is full, or the server is about to end",
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe answers that are no success, for the OpenAPI description."""
    return {
        status: {"model": FaultResponse, "description": MEANINGS[status]} for status in statuses
    }


def tell_faults(app: FastAPI) -> None:
    """Answer every error of an application in this shape."""

    @app.exception_handler(MinimagenError)
    async def _ours(request: Request, error: MinimagenError) -> JSONResponse:
        return fault(status_of(error), str(error))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return fault(422, sentence(error.errors()))

    @app.exception_handler(ValidationError)
    async def _impossible(request: Request, error: ValidationError) -> JSONResponse:
        return fault(422, sentence(error.errors()))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        return fault(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def _mistake(request: Request, error: Exception) -> JSONResponse:
        return fault(500, "something went wrong; the server's log says what")


def status_of(error: MinimagenError) -> int:
    """Return the status that belongs to an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def fault(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return an answer that says what went wrong."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    code = {404: "not_found", 429: "rate_limit_exceeded"}.get(status)
    again = {"retry-after": AGAIN_S} if status in (429, 503) else {}
    body = FaultResponse(error=Fault(message=message, type=kind, code=code))
    return JSONResponse(body.model_dump(), status, headers={**(headers or {}), **again})
