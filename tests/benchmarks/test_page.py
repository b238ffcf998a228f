"""A page shows the table that was put there last, and nothing else of it changes."""

from pathlib import Path

import pytest

from benchmarks.page import put_table

TEXT = """# Page

<!-- speed -->

Not measured yet.

<!-- end -->

<!-- size -->

<!-- end -->
"""


def test_only_the_last_table_is_left_and_the_rest_of_the_page_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(TEXT)
    for value in ("1", "2"):
        put_table("speed", "python -m speed", [{"a": value}], page)
    shown = page.read_text()
    assert "    python -m speed\n\n| a |\n| --- |\n| 2 |\n\n<!-- end -->" in shown
    assert shown.partition("<!-- size -->")[2] == TEXT.partition("<!-- size -->")[2]
    assert "| 1 |" not in shown


def test_a_page_without_the_place_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(TEXT)
    with pytest.raises(ValueError, match="0 places for 'weight'"):
        put_table("weight", "python -m weight", [{"a": 1}], page)
    assert page.read_text() == TEXT
