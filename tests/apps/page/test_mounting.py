"""The page on a real server: nothing is fetched from elsewhere, and nothing else is open."""

import io
import re
from collections.abc import Iterator

import pytest
from PIL import Image

from minimagen.apps.studio import Studio
from minimagen.apps.uploads import MAX_BYTES
from tests.apps.conftest import Served, serving

pytest.importorskip("gradio", reason="the page needs gradio: pip install 'minimagen[serve]'")


@pytest.fixture
def served(studio: Studio) -> Iterator[Served]:
    """Return a server that has the page."""
    with serving(studio) as running:
        yield running


def test_the_page_and_the_interface_share_a_port(served: Served) -> None:
    with served.client() as client:
        page, models = client.get("/"), client.get("/v1/models")
        assert (page.status_code, models.status_code) == (200, 200)
        assert "minimagen" in page.text
        assert models.json()["data"]
        loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"', page.text)
        loaded += re.findall(r"url\((https?:[^)]+)\)", client.get("/theme.css").text)
        assert loaded
        assert not [address for address in loaded if address.startswith(("http", "//"))]


def test_gradio_s_own_interface_is_shut(served: Served) -> None:
    with served.client() as client:
        for path in ("/gradio_api/info", "/gradio_api/file=/etc/passwd", "/monitoring"):
            assert client.get(path).status_code == 404, path
        refused = client.post("/gradio_api/call/draw", json={"data": []})
        assert refused.status_code == 404
        taken = {"data": [{"path": "/etc/passwd"}], "session_hash": "a", "fn_index": 0}
        assert client.post("/gradio_api/queue/join", json=taken).status_code == 422


def test_an_upload_is_bounded_and_can_be_seen_again(served: Served) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (9, 5), "red").save(picture, "PNG")
    with served.client() as client:
        sent = client.post("/gradio_api/upload", files={"files": picture.getvalue()})
        assert sent.status_code == 200
        (path,) = sent.json()
        assert path.startswith(str(served.studio.history.output / "uploads"))
        assert client.get(f"/gradio_api/file={path}").content == picture.getvalue()
        large = client.post("/gradio_api/upload", files={"files": b"x" * (MAX_BYTES + 1)})
        assert large.status_code == 413
