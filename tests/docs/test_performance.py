"""The page on speed shows what its benchmarks found."""

import json
from pathlib import Path

from benchmarks.performance_page import PAGE, PLACE, filled


def test_the_tables_are_those_that_were_measured() -> None:
    """After a benchmark: python -m benchmarks.performance_page."""
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page) == page


def test_a_place_is_filled_with_the_command_and_every_table_of_its_file(tmp_path: Path) -> None:
    page = "before\n\n<!-- cost -->\nold\n<!-- end -->\n\nafter <!-- other -->\n<!-- end -->\n"
    found = {"command": "python -m x", "machine": {}, "rows": [{"a_b": 1, "c": None}], "n": [3]}
    (tmp_path / "cost.json").write_text(json.dumps(found))
    made = filled(page, tmp_path)
    assert (
        "    python -m x\n\n| a b | c |\n| --- | --- |\n| 1 |  |\n\n<!-- end -->\n\nafter" in made
    )
    assert "old" not in made
    assert made.endswith("after <!-- other -->\n<!-- end -->\n")
    assert filled(made, tmp_path) == made


def test_the_page_has_places() -> None:
    names = PLACE.findall(PAGE.read_text(encoding="utf-8"))
    assert {"train_throughput_tiny", "sampling_cost_tiny", "memory_tiny"} <= set(names)
