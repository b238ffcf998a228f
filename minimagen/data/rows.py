"""Reading tables of pictures: rows of a path or URL and its captions, one at a time.

Formats are ``.jsonl``, ``.csv``, ``.tsv`` and ``.parquet``. A row that makes no sense ends the run
with its line number: a table is one file that somebody made, and half of it would be a surprise.
Missing or broken pictures are not this module's business.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from minimagen.data.captions import clean_caption
from minimagen.data.extras import required
from minimagen.errors import DataError

FILE_KEYS = ("file_name", "url", "URL")
CAPTION_KEYS = ("text", "caption", "TEXT")
TABLE_SUFFIXES = (".jsonl", ".csv", ".tsv", ".parquet")
MAX_LINE_BYTES = 2**24
ROWS_AT_ONCE = 1024  # of a parquet file
Record = tuple[int, Any]  # line number, what it holds


class Row(NamedTuple):
    """One line of a table.

    Args:
        line: its number, from 1; of a row in a parquet file.
        file_name: a path or URL.
        captions: at least one; an empty one where the table says null.
    """

    line: int
    file_name: str
    captions: tuple[str, ...]


def read_rows(path: Path, caption_key: str | None = None) -> Iterator[Row]:
    """Read a table.

    Args:
        path: the file; its suffix names the format.
        caption_key: where captions are; None takes the first known key there is.

    Raises:
        DataError: naming the line.
    """
    caption_keys = CAPTION_KEYS if caption_key is None else (caption_key,)
    try:
        for line, record in READERS[path.suffix.lower()](path):
            yield _row(path, line, record, caption_keys)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None


def is_url(name: str) -> bool:
    """Tell whether a picture is named by a URL rather than a path."""
    return name.lower().startswith(("http://", "https://"))


# Formats


def _lines(path: Path) -> Iterator[str]:
    """Read a text file line by line, line ends kept."""
    with path.open("rb") as file:
        for line, content in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), start=1):
            if len(content) == MAX_LINE_BYTES:
                raise DataError(
                    f"{path} line {line}: over {MAX_LINE_BYTES // 2**20} MiB; mend that line"
                )
            try:
                yield content.decode("utf-8-sig" if line == 1 else "utf-8")
            except UnicodeDecodeError:
                raise DataError(f"{path} line {line}: not UTF-8; save it as UTF-8") from None


def _json_lines(path: Path) -> Iterator[Record]:
    for line, content in enumerate(_lines(path), start=1):
        if content.strip():
            try:
                yield line, json.loads(content)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path} line {line}: not JSON ({error}); mend that line") from None


def _comma_lines(path: Path) -> Iterator[Record]:
    return _cells(path, csv.reader(_lines(path), strict=True))


def _tab_lines(path: Path) -> Iterator[Record]:
    """Read a table whose cells are parted by tabs; quotes mean nothing in it."""
    lines = (line.replace("\0", " ") for line in _lines(path))
    return _cells(path, csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def _cells(path: Path, reader: Any) -> Iterator[Record]:
    """Put cells under their headings; two columns of caption and URL need none."""
    headings: list[str] = []
    try:
        for cells in reader:
            if not cells:
                continue
            if not headings and not (len(cells) == 2 and is_url(cells[1])):
                headings = cells
                continue
            headings = headings or ["caption", "url"]
            if len(cells) != len(headings):
                raise DataError(
                    f"{path} line {reader.line_num}: {len(cells)} cells under {len(headings)} "
                    "headings; quote cells that hold commas"
                )
            yield reader.line_num, dict(zip(headings, cells, strict=True))
    except csv.Error as error:
        raise DataError(f"{path} line {reader.line_num}: not CSV ({error}); mend it") from None


def _parquet_rows(path: Path) -> Iterator[Record]:
    parquet = required("pyarrow.parquet", "data", f"{path}: a parquet file")
    arrow = required("pyarrow", "data", f"{path}: a parquet file")
    try:
        with parquet.ParquetFile(path) as file:
            yield from enumerate(_records(file.iter_batches(ROWS_AT_ONCE)), start=1)
    except arrow.ArrowException as error:
        said = str(error).splitlines()[0]
        raise DataError(f"{path}: not a sound parquet file ({said}); make it anew") from None


def _records(batches: Iterable[Any]) -> Iterator[Any]:
    for batch in batches:
        yield from batch.to_pylist()


READERS = {
    ".jsonl": _json_lines,
    ".csv": _comma_lines,
    ".tsv": _tab_lines,
    ".parquet": _parquet_rows,
}


# Rows


def _row(path: Path, line: int, record: Any, caption_keys: tuple[str, ...]) -> Row:
    keys = set(record) if isinstance(record, dict) else set()
    file_key = next((key for key in FILE_KEYS if key in keys), None)
    caption_key = next((key for key in caption_keys if key in keys), None)
    if file_key is None or caption_key is None:
        raise DataError(
            f"{path} line {line}: has {_named(keys)}; needs file_name or url, "
            f"and {' or '.join(caption_keys[:2])}"
        )
    file_name = record[file_key]
    if not isinstance(file_name, str) or not file_name or "\0" in file_name:
        raise DataError(f"{path} line {line}: {file_key} is {file_name!r:.60}; give a path or URL")
    captions = record[caption_key]
    several = captions if isinstance(captions, list) and captions else [captions or None]
    if not all(isinstance(caption, str | None) for caption in several):
        raise DataError(
            f"{path} line {line}: {caption_key} is {captions!r:.60}; give a string, or several "
            "in a list"
        )
    return Row(line, file_name, tuple(map(clean_caption, several)))


def _named(keys: set[str]) -> str:
    return ", ".join(sorted(map(str, keys))) or "no keys"
