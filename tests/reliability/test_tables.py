"""A table of pictures: its mistakes are told with their line, and nothing outside is read."""

import json
from collections import deque
from pathlib import Path

import pytest
from PIL import Image

from minimagen.data.items import Rejection, Source
from minimagen.data.rows import read_rows
from minimagen.data.sources import DataConfig, open_source
from minimagen.errors import DataError

MILLION = 1_000_000


def table_of(root: Path, *rows: dict[str, object] | str) -> Path:
    """Write ``metadata.jsonl`` beside one picture, ``a.png``."""
    Image.new("RGB", (16, 16), "red").save(root / "a.png")
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (root / "metadata.jsonl").write_text("\n".join(lines) + "\n")
    return root


def opened(root: Path) -> tuple[Source, list[Rejection]]:
    return open_source(DataConfig(dataset=str(root), max_rejected=0.9), check_size=16)


GOOD = {"file_name": "a.png", "text": "a red circle"}


@pytest.mark.parametrize(
    "bad", ['{"file_name": "a.png", "text": "x"', "not json", "[]", '"a.png"', "{}", "\x00"]
)
def test_a_bad_line_is_named(tmp_path: Path, bad: str) -> None:
    with pytest.raises(DataError, match=r"metadata.jsonl line 3: ") as caught:
        opened(table_of(tmp_path, GOOD, GOOD, bad, GOOD))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..", "sub/../../outside.png", "link/outside.png"]
)
def test_a_path_that_leaves_the_directory_is_refused_before_it_is_opened(
    tmp_path: Path, name: str
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    Image.new("RGB", (16, 16)).save(tmp_path / "outside.png")
    with pytest.raises(DataError, match=r"line 2: .* lies outside .*; move it inside"):
        opened(table_of(root, GOOD, {"file_name": name, "text": "x"}))


def test_a_picture_named_twice_is_two_items(tmp_path: Path) -> None:
    """Some data sets have several captions for a picture; that is no mistake."""
    again = {"file_name": "a.png", "text": "a round red thing"}
    source, rejections = opened(table_of(tmp_path, GOOD, again))
    assert [source.captions(i) for i in range(2)] == [("a red circle",), ("a round red thing",)]
    assert rejections == []


def test_a_missing_picture_is_left_out_and_listed(tmp_path: Path) -> None:
    source, rejections = opened(table_of(tmp_path, GOOD, {"file_name": "b.png", "text": "x"}))
    assert len(source) == 1
    assert rejections == [Rejection("b.png", "file is missing")]


@pytest.mark.slow
def test_a_million_lines_are_read_and_the_last_one_is_named_when_it_is_bad(tmp_path: Path) -> None:
    table = tmp_path / "metadata.jsonl"
    with table.open("w") as file:
        file.writelines(
            f'{{"file_name": "{i}.png", "text": "number {i}"}}\n' for i in range(MILLION)
        )
    *_, last = read_rows(table)
    assert last == (MILLION, "999999.png", ("number 999999",))
    with table.open("a") as file:
        file.write("{")
    with pytest.raises(DataError, match=f"line {MILLION + 1}: not JSON"):
        deque(read_rows(table), maxlen=0)
