"""Put what was measured onto the pages on speed and quality.

    python -m benchmarks.performance_page

Between ``<!-- name -->`` and ``<!-- end -->`` come the command and every table of
``docs/measured/<name>.json``; what has no such file stays as it is.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.record import MEASURED

PAGE, QUALITY = (MEASURED.parent / name for name in ("performance.md", "quality.md"))
PLACE = re.compile(r"<!-- (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def filled(page: str, measured: Path = MEASURED) -> str:
    """Return a page with its tables as they are measured."""

    def fill(place: re.Match[str]) -> str:
        path = measured / f"{place[1]}.json"
        if not path.exists():
            return place[0]
        found = json.loads(path.read_text(encoding="utf-8"))
        parts = [f"    {found['command']}", *map(table, tables_in(found))]
        return f"<!-- {place[1]} -->\n" + "\n\n".join(parts) + "\n\n<!-- end -->"

    return PLACE.sub(fill, page)


def tables_in(found: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Return what is a list of rows."""
    return [rows for rows in found.values() if isinstance(rows, list) and rows and _is_row(rows[0])]


def _is_row(value: object) -> bool:
    return isinstance(value, dict)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Write rows as a Markdown table; underscores are for programs."""
    heads = [name.replace("_", " ") for name in rows[0]]
    lines = [heads, ["---"] * len(heads), *([_cell(v) for v in row.values()] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def main() -> None:
    """Fill the pages."""
    for page in (PAGE, QUALITY):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
