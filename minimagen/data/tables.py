"""Reading ``metadata.jsonl`` and ``metadata.csv``: rows of a file name and a caption.

A row that makes no sense ends the run with its line number: a table is one file that somebody made,
and half of it would be a surprise. Missing or broken pictures are not this module's business.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from minimagen.errors import DataError

CAPTION_KEYS = ("text", "caption")


class Row(NamedTuple):
    """One line of a table; the caption is None where the table says null."""

    line: int
    file_name: str
    caption: str | None


def read_table(path: Path) -> list[Row]:
    """Read ``metadata.jsonl`` or ``metadata.csv``.

    Raises:
        DataError: naming the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DataError(f"{path} line {line}: not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    records = _json_lines(path, text) if path.suffix == ".jsonl" else _csv_lines(path, text)
    return [_row(path, line, record) for line, record in records]


def _json_lines(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    for line, content in enumerate(text.split("\n"), start=1):
        if content.strip():
            try:
                yield line, json.loads(content)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path} line {line}: not JSON ({error}); mend that line") from None


def _csv_lines(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(text.splitlines(keepends=True), strict=True)
    try:
        for record in reader:
            if None in record or None in record.values():
                raise DataError(
                    f"{path} line {reader.line_num}: {_cells(record)} cells under "
                    f"{len(reader.fieldnames or ())} headings; quote cells that hold commas"
                )
            yield reader.line_num, record
    except csv.Error as error:
        raise DataError(f"{path} line {reader.line_num}: not CSV ({error}); mend it") from None


def _cells(record: dict[str | Any, Any]) -> int:
    extra = record.get(None, [])
    return sum(value is not None for key, value in record.items() if key is not None) + len(extra)


def _row(path: Path, line: int, record: Any) -> Row:
    keys = set(record) if isinstance(record, dict) else set()
    caption_key = next((key for key in CAPTION_KEYS if key in keys), None)
    if "file_name" not in keys or caption_key is None:
        raise DataError(
            f"{path} line {line}: has {_named(keys)}; needs file_name, and text or caption"
        )
    file_name, caption = record["file_name"], record[caption_key]
    if not isinstance(file_name, str) or not file_name or "\0" in file_name:
        raise DataError(f"{path} line {line}: file_name is {file_name!r}; give a relative path")
    if not isinstance(caption, str | None):
        raise DataError(f"{path} line {line}: {caption_key} is {caption!r:.60}; give a string")
    return Row(line, file_name, caption)


def _named(keys: set[str]) -> str:
    return ", ".join(sorted(map(str, keys))) or "no keys"
