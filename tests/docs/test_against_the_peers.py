"""The page on speed shows what the benchmarks against the two peers measured."""

import json
from typing import Any

import pytest

from benchmarks import peer_sampling, peer_throughput, time_to_quality
from benchmarks.record import table_lines
from tests.conftest import ROOT

PAGE = (ROOT / "docs/performance.md").read_text(encoding="utf-8")


def measured(name: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / f"docs/measured/{name}.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("benchmark", [peer_sampling, peer_throughput, time_to_quality])
def test_the_page_has_the_tables_that_the_benchmarks_print(benchmark: Any) -> None:
    found = measured(benchmark.__name__.rpartition(".")[2])["found"]
    assert "\n".join(table_lines(benchmark.COLUMNS, benchmark.rows_of(found))) in PAGE
