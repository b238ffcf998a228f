"""The page on optimizers names what there is, and its table is the one that was measured."""

import json
import shlex
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from benchmarks import falls, optimizers
from benchmarks.record import MEASURED
from minimagen.cli.settings import new_run
from minimagen.cli.train import parse
from minimagen.training.config import OptimizerConfig, RateKind
from minimagen.training.rates import DECAY_SHARES
from tests.conftest import ROOT

PAGE = (Path(__file__).parents[2] / "docs/how-to/choose-an-optimizer.md").read_text("utf-8")
KINDS = [
    kind.__dataclass_fields__["kind"].default for kind in get_args(get_args(OptimizerConfig)[0])
]


@pytest.mark.parametrize("name", [*KINDS, *get_args(RateKind)])
def test_every_kind_is_a_row_of_the_page(name: str) -> None:
    assert f"\n| `{name}` |" in PAGE


@pytest.mark.parametrize("rate", ["linear", "cosine", "wsd"])
def test_a_share_is_the_one_that_is_taken(rate: RateKind) -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{rate}` |")]
    assert row.endswith(f"| {DECAY_SHARES[rate]:g} |")


def test_the_flags_at_the_top_are_read() -> None:
    [line] = [line for line in PAGE.splitlines() if line.startswith("    --SET")]
    settings = new_run(parse(["-p", str(ROOT / "parameters"), *shlex.split(line)]))
    assert settings.training.optimizer.kind == "schedule_free"


@pytest.mark.parametrize("benchmark", [falls, optimizers], ids=["falls", "optimizers"])
def test_a_table_is_what_its_command_prints(
    benchmark: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    name = benchmark.__name__.rpartition(".")[2]
    record = json.loads((MEASURED / f"{name}.json").read_text(encoding="utf-8"))
    benchmark.report(record["found"])
    assert capsys.readouterr().out.strip() in PAGE
