"""The page on speed shows what its benchmarks found."""

import json

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
NAMES = (
    "train_throughput_peer_widths",
    "train_throughput_parameters",
    "train_throughput_tiny",
    "sampling_cost_tiny",
    "sampling_cost_parameters",
    "memory_tiny",
    "memory_parameters",
)


def measured(name: str) -> dict[str, object]:
    """Read what a benchmark found."""
    found: dict[str, object] = json.loads((ROOT / f"docs/measured/{name}.json").read_text())
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_its_tables_is_on_the_page_with_the_command(name: str) -> None:
    found = measured(name)
    assert str(found["command"]) in PAGE
    tables = [rows for rows in found.values() if isinstance(rows, list)]
    assert tables
    for row in (row for rows in tables for row in rows):
        assert "| " + " | ".join(str(cell) for cell in row.values()) + " |" in PAGE
