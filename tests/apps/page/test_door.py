"""Of gradio's interface only what the page asks for is open."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from minimagen.apps.page.door import MAX_FIELDS, Door

JOIN = "/gradio_api/queue/join"


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Uploads and results, each with a picture; a secret beside them, and a link to it."""
    made = {name: tmp_path / name for name in ("uploads", "results", "secrets")}
    for folder in made.values():
        folder.mkdir()
        (folder / "a.png").write_bytes(b"picture")
    (made["results"] / "link.png").symlink_to(made["secrets"] / "a.png")
    return made


def through(
    folders: dict[str, Path], method: str, path: str, parts: tuple[bytes, ...] = (b"",)
) -> tuple[int, bytes]:
    """Ask a door; answer its status, or 200 and the body that came through."""

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    uploads, results = folders["uploads"], folders["results"]
    door = Door(inner, folders=[uploads, results], uploads=uploads)
    coming = [
        {"type": "http.request", "body": part, "more_body": place + 1 < len(parts)}
        for place, part in enumerate(parts)
    ]
    answered: list[Any] = []

    async def receive() -> Any:
        return coming.pop(0)

    async def send(message: Any) -> None:
        answered.append(message)

    scope = {"type": "http", "method": method, "path": path}
    asyncio.run(door(scope, receive, send))
    return answered[0]["status"], answered[1]["body"]


def fields(*data: Any) -> bytes:
    return json.dumps({"data": data, "session_hash": "abc"}).encode()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/assets/index.js"),
        ("GET", "/gradio_api/queue/data"),
        ("POST", "/gradio_api/upload"),
        ("POST", JOIN),
    ],
)
def test_what_the_page_needs_is_open(folders: dict[str, Path], method: str, path: str) -> None:
    assert through(folders, method, path, (fields("a red circle"),))[0] == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/info"),
        ("GET", "/gradio_api/openapi.json"),
        ("POST", "/gradio_api/call/draw"),
        ("POST", "/gradio_api/call/v2/draw"),
        ("POST", "/gradio_api/api/predict"),
        ("POST", "/gradio_api/run/draw"),
        ("GET", "/gradio_api/runs"),
        ("POST", "/gradio_api/run-history/connect"),
        ("POST", "/gradio_api/vibe-edit"),
        ("POST", "/gradio_api/process_recording"),
        ("GET", "/gradio_api/proxy=https://example.com/a.png"),
        ("GET", "/gradio_api/file=https://example.com/a.png"),
        ("GET", "/gradio_api/file=/etc/passwd"),
        ("GET", "/gradio_api/file=relative.png"),
        ("GET", "/gradio_api/file=\0"),
        ("GET", "/monitoring"),
        ("POST", "/login"),
        ("DELETE", "/"),
    ],
)
def test_everything_else_is_shut(folders: dict[str, Path], method: str, path: str) -> None:
    assert through(folders, method, path)[0] == 404


def test_files_come_from_the_page_s_own_folders_alone(folders: dict[str, Path]) -> None:
    uploads, results, secrets = folders.values()
    ours = [uploads / "a.png", results / "a.png"]
    others = [secrets / "a.png", results / ".." / "secrets" / "a.png", results / "link.png"]
    for files, status in (ours, 200), (others, 404):
        for file in files:
            assert through(folders, "GET", f"/gradio_api/file={file}")[0] == status, file
    climbing = f"/gradio_api/file={results}/%2e%2e/secrets/a.png"
    assert through(folders, "GET", climbing)[0] == 404


def test_a_field_names_an_uploaded_picture_or_none(folders: dict[str, Path]) -> None:
    uploaded = {"background": {"path": str(folders["uploads"] / "a.png"), "url": "any"}}
    assert through(folders, "POST", JOIN, (fields(uploaded, {"path": None}),))[0] == 200
    for name in ("/etc/passwd", "https://example.com/a.png", str(folders["secrets"] / "a.png"), 7):
        hidden = fields([{"layers": [{"path": name}]}])
        assert through(folders, "POST", JOIN, (hidden,))[0] == 422, name


def test_what_a_visitor_clicked_at_is_no_file_that_is_opened(folders: dict[str, Path]) -> None:
    """A click at a gallery tells the address of the picture that was there."""
    event = {"index": 0, "value": {"image": {"path": str(folders["results"] / "a.png")}}}
    body = json.dumps({"data": [], "event_data": event}).encode()
    assert through(folders, "POST", JOIN, (body,))[0] == 200


def test_fields_come_through_whole_however_they_were_cut(folders: dict[str, Path]) -> None:
    body = fields("a red circle", 7)
    assert through(folders, "POST", JOIN, (body[:9], b"", body[9:])) == (200, body)


def test_fields_are_counted_while_they_come(folders: dict[str, Path]) -> None:
    """Nothing is read after the limit, so a body without a length costs no memory either."""
    parts = (b" " * (MAX_FIELDS // 2),) * 1000
    assert through(folders, "POST", JOIN, parts)[0] == 413


@pytest.mark.parametrize("body", [b"", b"no JSON", b"[" * 100_000, b"[]", b"{}", b"7"])
def test_fields_that_are_no_json_are_refused(folders: dict[str, Path], body: bytes) -> None:
    assert through(folders, "POST", JOIN, (body,))[0] == 422
