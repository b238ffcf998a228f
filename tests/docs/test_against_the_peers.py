"""The page on speed shows what the benchmarks against the two peers measured."""

import json
from types import ModuleType

import pytest

from benchmarks import peer_sampling, peer_throughput, time_to_quality
from benchmarks.page import PAGE, place_of
from benchmarks.record import MEASURED, by_column


@pytest.mark.parametrize("benchmark", [peer_sampling, peer_throughput, time_to_quality])
def test_the_page_has_the_table_that_was_measured_or_says_there_is_none(
    benchmark: ModuleType,
) -> None:
    name = benchmark.__name__.rpartition(".")[2]
    path, expected = MEASURED / f"{name}.json", f"<!-- {name} -->\n\nNot measured yet."
    if path.exists():
        record = json.loads(path.read_text(encoding="utf-8"))
        rows = by_column(benchmark.COLUMNS, benchmark.rows_of(record["found"]))
        assert rows == record["rows"]
        expected = place_of(name, record["command"], rows)
    assert expected in PAGE.read_text(encoding="utf-8")
