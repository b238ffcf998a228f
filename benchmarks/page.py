"""Tables that a benchmark writes into a page by itself, so that the page cannot lag behind."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.record import table_lines

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


def put_table(
    name: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    below: str = "",
    page: Path = PAGE,
) -> None:
    """Put a table between ``<!-- name -->`` and ``<!-- end -->``, in place of what is there.

    Args:
        name: of the place.
        columns: of the table.
        rows: of the table.
        below: Markdown that follows it.
        page: that is changed.

    Raises:
        ValueError: when the page has no such place, or several.
    """
    table = "\n".join([*table_lines(columns, rows), *(["", below] if below else [])])
    text, places = re.subn(
        rf"(?s)(<!-- {re.escape(name)} -->\n).*?(\n<!-- end -->)",
        lambda found: f"{found[1]}\n{table}\n{found[2]}",
        page.read_text(encoding="utf-8"),
    )
    if places != 1:
        raise ValueError(f"{page} has {places} places for {name!r}, not one")
    page.write_text(text, encoding="utf-8")
