"""The page on measuring: its Python runs, its table was measured, and it names every measure."""

import json
import re
from importlib import import_module

import pytest

from benchmarks import damage
from benchmarks.record import MEASURED
from minimagen.evaluation.features import NAMES
from minimagen.evaluation.features.tiny import DIRECTORY
from tests.conftest import ROOT

PAGE = (ROOT / "docs/how-to/measure.md").read_text(encoding="utf-8")


def test_its_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    [block] = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.M | re.S)
    exec(block, {})
    value, low, high, bias, _ = map(float, re.findall(r"-?\d+\.\d+", capsys.readouterr().out))
    assert low <= value - bias <= high


def test_its_table_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads((MEASURED / "damage.json").read_text(encoding="utf-8"))
    damage.report(record["found"])
    table, words = capsys.readouterr().out.strip().split("\n\n")
    assert table in PAGE
    assert words in PAGE


@pytest.mark.parametrize("name", NAMES)
def test_every_feature_network_is_a_row(name: str) -> None:
    assert f"\n| `{name}` |" in PAGE


def test_what_it_says_of_the_shipped_network_is_so() -> None:
    made = json.loads((DIRECTORY / "provenance.json").read_text(encoding="utf-8"))
    assert f"{(DIRECTORY / 'model.safetensors').stat().st_size // 1000} kB" in PAGE
    assert f"in {made['seconds']} s" in PAGE


def test_every_measure_it_names_is_there() -> None:
    rows = re.findall(r"^\| `(\w+)\.(\w+)`", PAGE, flags=re.M)
    assert len(rows) >= 8
    for module, name in rows:
        assert hasattr(import_module(f"minimagen.evaluation.{module}"), name)
