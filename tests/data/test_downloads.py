"""Pictures named by URL: fetched once, and every way a server can fail is a rejection."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minimagen.data import downloads
from minimagen.data.items import Rejection, Source
from minimagen.data.listing import DownloadsConfig
from minimagen.data.pictures import FORMATS
from minimagen.data.sources import DataConfig, open_source
from minimagen.errors import DataError
from tests.data.hostile_server import Server, picture, serving

pytest.importorskip("httpx")
HASTY = {"private_addresses": True, "connect_s": 1.5, "whole_s": 2.0, "max_mb": 1.0, "tries": 3}
NO_PICTURE = f"not an image of a known kind ({', '.join(FORMATS)})"
REASONS = {
    "html": f"what came is no picture: {NO_PICTURE}",
    "nothing": "what came is no picture: file is empty",
    "cut": "download broke off",
    "understated": "what came is no picture: damaged image file",
    "missing": "server answers 404",
    "broken": "server answers 500",
    "circle": "more than 5 redirects",
    "leaving": "not a URL of http or https",
    "silent": "server does not answer",
    "trickle": "download took over 2 s",
    "headers_for_ever": "download took over 2 s",
    "endless": "over 1 MB",
}
GOOD = ("good", "moved", "moody")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve, with a cache of the test's own and no pauses worth naming."""
    monkeypatch.setenv("MINIMAGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(downloads, "PAUSE_S", 0.01)
    with serving() as server:
        yield server


def table(root: Path, *urls: str) -> Path:
    rows = [{"url": url, "caption": f"what {url} shows"} for url in urls]
    path = root / "table.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def opened(dataset: Path, **changes: Any) -> tuple[Source, list[Rejection]]:
    settings = DownloadsConfig(**(HASTY | changes))
    config = DataConfig(dataset=str(dataset), downloads=settings, max_rejected=0.95)
    return open_source(config, check_size=16)


def test_all_that_a_server_can_do_wrong_is_a_rejection_with_its_reason(
    tmp_path: Path, server: Server
) -> None:
    """All at once; three tries of two seconds each are the longest any of them takes."""
    started = time.monotonic()
    source, rejections = opened(table(tmp_path, *map(server.url, (*GOOD, *REASONS))))
    assert [source.name(i) for i in range(len(source))] == [*map(server.url, GOOD)]
    assert source.picture(0, 4)[0, 0].tolist() == [220, 40, 40]
    assert {item.file_name: item.reason for item in rejections} == {
        server.url(path): reason for path, reason in REASONS.items()
    }
    assert time.monotonic() - started < 30  # on a busy machine
    assert server.asked["/missing"] == 1
    assert server.asked["/broken"] == 3


def test_a_second_start_fetches_nothing_and_finds_the_same(tmp_path: Path, server: Server) -> None:
    asked = table(tmp_path, *map(server.url, ("good/1", "missing", "good/2")))
    first = opened(asked)
    server.asked.clear()
    second = opened(asked)
    assert not server.asked
    assert second[1] == first[1]
    assert second[0].fingerprint == first[0].fingerprint


def test_only_what_is_missing_is_fetched_again(tmp_path: Path, server: Server) -> None:
    """So a start that was killed goes on where it was."""
    opened(table(tmp_path, *map(server.url, ("good/1", "good/2"))))
    server.asked.clear()
    opened(table(tmp_path, *map(server.url, ("good/1", "good/2", "good/3"))))
    assert server.asked == {"/good/3": 1}


def test_failures_are_tried_again_on_demand_and_after_their_time(
    tmp_path: Path, server: Server
) -> None:
    asked = table(tmp_path, server.url("good"), server.url("missing"))
    opened(asked)
    opened(asked, remember_failures_days=0)
    assert server.asked["/missing"] == 2
    [failure] = (tmp_path / "cache").rglob("*.failed")
    os.utime(failure, (time.time() - 31 * 86400,) * 2)
    opened(asked)
    assert server.asked["/missing"] == 3


def test_a_private_address_is_refused_before_it_is_asked_unless_allowed(
    tmp_path: Path, server: Server
) -> None:
    urls = [server.url("good"), server.url("good").replace("127.0.0.1", "localhost")]
    with pytest.raises(DataError, match=r"no picture can be used: .*private network.* \(2\)"):
        opened(table(tmp_path, *urls), private_addresses=False)
    assert not server.asked


def test_paths_and_urls_may_stand_in_one_table(tmp_path: Path, server: Server) -> None:
    (tmp_path / "here.png").write_bytes(picture())
    rows = [("here.png", "a file"), (server.url("good"), "a download")]
    lines = [json.dumps({"file_name": name, "text": text}) for name, text in rows]
    (tmp_path / "table.jsonl").write_text("\n".join(lines))
    source, _ = opened(tmp_path / "table.jsonl")
    assert [source.captions(i) for i in range(2)] == [("a file",), ("a download",)]


def test_conceptual_captions_table_without_headings_is_read(tmp_path: Path, server: Server) -> None:
    """Caption, tab, URL; quotes are letters in it."""
    path = tmp_path / "train.tsv"
    path.write_text(f'a "red wall\t{server.url("good")}\nred, all over\t{server.url("good/2")}\n')
    source, _ = opened(path)
    assert [source.captions(i) for i in range(2)] == [('a "red wall',), ("red, all over",)]


def test_a_cache_that_cannot_be_written_is_an_error_of_one_line(
    tmp_path: Path, server: Server
) -> None:
    (tmp_path / "cache").write_text("a file where a directory should be")
    with pytest.raises(DataError, match=r"cannot be written .*set MINIMAGEN_CACHE"):
        opened(table(tmp_path, server.url("good")))
