"""Tables that a benchmark writes into a page by itself, so that the page cannot lag behind."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.record import table_lines

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


def place_of(name: str, command: str, rows: Sequence[dict[str, Any]]) -> str:
    """Return a place of a page: the command, and the table it printed."""
    table = "\n".join(table_lines([*rows[0]], [[*row.values()] for row in rows]))
    return f"<!-- {name} -->\n    {command}\n\n{table}\n\n<!-- end -->"


def put_table(name: str, command: str, rows: Sequence[dict[str, Any]], page: Path = PAGE) -> None:
    """Put a table between ``<!-- name -->`` and ``<!-- end -->``, in place of what is there.

    Args:
        name: of the place.
        command: that measured it.
        rows: of the table, by column.
        page: that is changed.

    Raises:
        ValueError: when the page has no such place, or several.
    """
    text, places = re.subn(
        rf"(?s)<!-- {re.escape(name)} -->\n.*?<!-- end -->",
        lambda _: place_of(name, command, rows),
        page.read_text(encoding="utf-8"),
    )
    if places != 1:
        raise ValueError(f"{page} has {places} places for {name!r}, not one")
    page.write_text(text, encoding="utf-8")
