"""What of gradio's own web interface is open: what the page itself asks for, and nothing else.

gradio brings along more than a page needs: it fetches addresses for its visitors (``/file=http://
..``, and pictures that are named by a URL), describes and offers every callback to programs, keeps
run histories. Programs have the REST interface, which has limits; so all of that is shut.
"""

import json
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.requests import ClientDisconnect

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

PREFIX = "/gradio_api"
READABLE = ("/queue/data", "/heartbeat/", "/startup-events", "/upload_progress", "/app_id")
TOLD = ("/queue/join", "/run/predict")  # these carry the fields of the page, as JSON
WRITABLE = (*TOLD, "/upload", "/cancel", "/reset")
ASSETS = ("/assets/", "/static/", "/theme.css", "/favicon.ico", "/manifest.json", "/config")
MAX_FIELDS = 1_000_000  # bytes of JSON: captions and settings; pictures are uploaded beside it


class Door:
    """An ASGI application in front of gradio's.

    Args:
        inner: gradio's.
        folders: below which files are served to the page: its own uploads and its results.
        uploads: below which files are that the page may name in its fields.
    """

    def __init__(self, inner: App, *, folders: list[Path], uploads: Path) -> None:
        self.inner = inner
        self.folders = [folder.resolve() for folder in folders]
        self.uploads = uploads.resolve()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with what is wrong."""
        with suppress(ClientDisconnect):  # an upload that nobody wants any more
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
        elif not self._is_open(scope["method"], scope["path"]):
            await _answer(send, 404, "The page does not offer this; programs use /v1.")
        elif scope["path"].removeprefix(PREFIX) in TOLD:
            await self._read_fields(scope, receive, send)
        else:
            await self.inner(scope, receive, send)

    def _is_open(self, method: str, path: str) -> bool:
        if not path.startswith(PREFIX):
            return method in ("GET", "HEAD") and (path in ("/", "") or path.startswith(ASSETS))
        rest = path.removeprefix(PREFIX)
        if method == "POST":
            return rest in WRITABLE
        if rest.startswith("/file="):
            return self._is_ours(unquote(rest.removeprefix("/file=")), *self.folders)
        return method in ("GET", "HEAD") and rest.startswith(READABLE)

    @staticmethod
    def _is_ours(name: str, *folders: Path) -> bool:
        """Whether a name is an absolute path below a folder, wherever links lead."""
        try:
            path = Path(name).resolve()
        except (OSError, ValueError):
            return False
        return Path(name).is_absolute() and any(map(path.is_relative_to, folders))

    async def _read_fields(self, scope: Message, receive: Receive, send: Send) -> None:
        """Count and read a body of fields, and look which files it names."""
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if len(body) > MAX_FIELDS:
                await _answer(send, 413, f"More than {MAX_FIELDS:,} bytes of fields.")
                return
            if not message.get("more_body", False):
                break
        try:
            named = list(_files_named(json.loads(body)["data"]))  # the rest is never opened
        except (ValueError, RecursionError, KeyError, TypeError):
            await _answer(send, 422, "The fields are no JSON of a page.")
            return
        if not all(isinstance(name, str) and self._is_ours(name, self.uploads) for name in named):
            await _answer(send, 422, "A picture is a file of another place; upload it.")
            return
        await self.inner(scope, _replaying(body, receive), send)


def _files_named(value: Any) -> Iterator[Any]:
    """Find what the fields name as files: gradio's file records have a ``path``."""
    if isinstance(value, dict):
        if value.get("path") is not None:
            yield value["path"]
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _files_named(part)


def _replaying(body: bytes, receive: Receive) -> Receive:
    """Hand a body on that was read already; then whatever comes next."""
    parts = [body]

    async def replay() -> Message:
        if parts:
            return {"type": "http.request", "body": parts.pop(), "more_body": False}
        return await receive()

    return replay


async def _answer(send: Send, status: int, sentence: str) -> None:
    content = json.dumps({"detail": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
