"""Rows of tables in every format, one at a time and flat in memory."""

import json
import pickle
import tracemalloc
from pathlib import Path

import pytest

from minimagen.data import rows
from minimagen.data.columns import pack, pack_lists
from minimagen.data.listing import Request
from minimagen.data.rows import read_rows
from minimagen.data.sources import list_dataset
from minimagen.errors import DataError

WANTED = [("a.png", ("one",)), ("b.png", ("two, three",)), ("c.png", ("",))]


def write(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def parquet(path: Path, **columns: object) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table(columns), path)
    return path


def tables(root: Path) -> list[Path]:
    lines = [{"file_name": name, "text": said[0] or None} for name, said in WANTED]
    names, texts = [line["file_name"] for line in lines], [line["text"] for line in lines]
    return [
        write(root / "a.jsonl", "\n".join(map(json.dumps, lines))),
        write(root / "a.csv", 'text,file_name\none,a.png\n"two, three",b.png\n,c.png\n'),
        write(
            root / "a.tsv", "id\tTEXT\tfile_name\n1\tone\ta.png\n2\ttwo, three\tb.png\n3\t\tc.png\n"
        ),
        parquet(root / "a.parquet", file_name=names, caption=texts),
    ]


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    for path in tables(tmp_path):
        assert [(row.file_name, row.captions) for row in read_rows(path)] == WANTED


def test_several_captions_are_a_list_in_json_and_in_parquet(tmp_path: Path) -> None:
    lines = write(tmp_path / "a.jsonl", '{"file_name": "a.png", "text": ["one", " two\\n", null]}')
    assert next(read_rows(lines)).captions == ("one", "two", "")
    columns = parquet(tmp_path / "a.parquet", file_name=["a.png"], text=[["one", "two"]])
    assert next(read_rows(columns)).captions == ("one", "two")


def test_the_key_of_captions_may_be_named(tmp_path: Path) -> None:
    content = {"file_name": "a.png", "text": "alt text", "recaption": "a red wall"}
    path = write(tmp_path / "a.jsonl", json.dumps(content))
    assert next(read_rows(path)).captions == ("alt text",)
    assert next(read_rows(path, "recaption")).captions == ("a red wall",)
    with pytest.raises(DataError, match=r"line 1: has .*; needs file_name or url, and summary"):
        next(read_rows(path, "summary"))


def test_a_line_without_end_is_refused_before_it_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MAX_LINE_BYTES", 2**20)
    path = write(tmp_path / "a.jsonl", '{"file_name": "a.png", "text": ""}\n' + "x" * 2**20)
    with pytest.raises(DataError, match="line 2: over 1 MiB"):
        list(read_rows(path))


def test_a_damaged_parquet_file_is_an_error_of_one_line(tmp_path: Path) -> None:
    [*_, path] = tables(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="not a sound parquet file") as caught:
        list(read_rows(path))
    assert "\n" not in str(caught.value)


def test_packed_strings_are_what_was_packed() -> None:
    strings = ["", "one", "zwölf", "\ud83d half a pair", "😀"]
    packed = pack(strings)
    assert [packed[i] for i in range(len(packed))] == strings
    lists = pack_lists([("a", "b"), (), ("c",)])
    again = pickle.loads(pickle.dumps(lists))
    assert [again[i] for i in range(3)] == [("a", "b"), (), ("c",)]


@pytest.mark.slow
def test_a_table_takes_little_more_memory_than_its_letters(tmp_path: Path) -> None:
    """They are 5 MB; a buffer that grows is held twice for a moment. Lists would take 25 MB."""
    path = tmp_path / "a.jsonl"
    lines = ({"file_name": f"{n:020}.png", "text": f"{n:076}"} for n in range(50_000))
    path.write_text("\n".join(map(json.dumps, lines)))
    tracemalloc.start()
    listing = list_dataset(Request(dataset=str(path)))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(listing.names) == 50_000
    assert most < 15e6
