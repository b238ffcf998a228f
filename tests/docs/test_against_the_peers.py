"""The page on speed shows what the benchmarks against the two peers measured."""

import json
from types import ModuleType

import pytest

from benchmarks import peer_sampling, peer_throughput, time_to_quality
from benchmarks.record import table_lines
from tests.conftest import ROOT

PAGE = (ROOT / "docs/performance.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("benchmark", [peer_sampling, peer_throughput, time_to_quality])
def test_the_page_has_the_table_that_was_measured_or_says_there_is_none(
    benchmark: ModuleType,
) -> None:
    name = benchmark.__name__.rpartition(".")[2]
    shown = PAGE.partition(f"<!-- {name} -->")[2].partition("<!-- end -->")[0].strip()
    path = ROOT / f"docs/measured/{name}.json"
    expected = "Not measured yet."
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))["found"]
        expected = "\n".join(table_lines(benchmark.COLUMNS, benchmark.rows_of(found)))
        expected += f"\n\n{picture}" if (picture := getattr(benchmark, "PICTURE", "")) else ""
    assert shown == expected
