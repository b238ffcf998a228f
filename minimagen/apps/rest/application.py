"""The whole of the server's surface: routes, errors, the page if there is one, and the guard."""

from collections.abc import Collection
from importlib.util import find_spec

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

import minimagen
from minimagen.apps.guard import LOOPBACK, Guard
from minimagen.apps.jobs import ClosedError
from minimagen.apps.page import mount_page
from minimagen.apps.rest.faults import responses, tell_faults
from minimagen.apps.rest.images import image_routes
from minimagen.apps.rest.jobs import job_routes
from minimagen.apps.rest.measures import CONTENT, measures
from minimagen.apps.studio import Studio

ABOUT = """Draws captions with a trained cascade. `/v1/images` takes what OpenAI's clients send;
`/v1/jobs` takes everything that can be drawn, and needs nobody to wait."""


def create_app(
    studio: Studio,
    *,
    token: str | None = None,
    hosts: Collection[str] | None = LOOPBACK,
    page: bool = True,
) -> Guard:
    """Return the application, guarded.

    Args:
        studio: draws, and knows runs and history.
        token: what clients must show; None lets everybody in.
        hosts: names that a request may be for; None is any.
        page: whether there is a page too, where gradio is installed.
    """
    # No documentation pages: they load their scripts from another host.
    app = FastAPI(
        title="minimagen",
        version=minimagen.__version__,
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
    )
    guard = Guard(app, token, hosts)
    tell_faults(app)
    app.include_router(image_routes(studio, guard))
    app.include_router(job_routes(studio, guard))
    _add_supervision(app, studio, guard)
    _add_root(app, studio, page and find_spec("gradio") is not None)
    return guard


def _add_supervision(app: FastAPI, studio: Studio, guard: Guard) -> None:
    """Add what a supervisor asks."""

    @app.get("/health", tags=["supervision"], responses=responses(503))
    def health() -> dict[str, str]:
        """Say whether the thread that draws is alive."""
        if not studio.is_alive:
            raise ClosedError("the thread that draws has ended; start the server again")
        return {"status": "ok"}

    @app.get("/ready", tags=["supervision"], responses=responses(503))
    def ready() -> dict[str, str]:
        """Say whether a job would be taken just now."""
        studio.require_room()
        return {"status": "ready"}

    @app.get(
        "/metrics",
        response_class=PlainTextResponse,
        responses=responses(401),
        tags=["supervision"],
    )
    def metrics() -> PlainTextResponse:
        """Say what was counted, in the text format of Prometheus."""
        return PlainTextResponse(measures(studio, guard), media_type=CONTENT)


def _add_root(app: FastAPI, studio: Studio, page: bool) -> None:
    """Add the page; without one say where the interface is described."""
    if page:
        mount_page(app, studio)
        return

    @app.get("/", include_in_schema=False)
    def root() -> PlainTextResponse:
        return PlainTextResponse("minimagen: see /openapi.json, /v1/models, /v1/jobs, /metrics\n")
