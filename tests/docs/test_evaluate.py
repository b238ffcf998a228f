"""The page on evaluating runs as it stands, and its command lines are understood."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import train
from minimagen.cli import compare, evaluate
from minimagen.cli.flags import parse_flags
from minimagen.cli.settings import new_run
from minimagen.cli.shared import named
from tests.commands import commands
from tests.conftest import ROOT
from tests.tiny_runs import tiny_run

PAGE = (ROOT / "docs/how-to/evaluate.md").read_text(encoding="utf-8")
READERS: dict[str, Callable[[list[str]], Any]] = {
    "train.py": lambda flags: new_run(train.parse(flags)),
    "-m minimagen evaluate": lambda flags: parse_flags(
        "evaluate", "", evaluate.FLAGS, "", named(flags, evaluate.FLAGS)
    ),
    "-m minimagen compare": lambda flags: parse_flags(
        "compare", "", compare.FLAGS, "", compare.both_named(flags)
    ),
}


@pytest.mark.parametrize("script", READERS)
def test_its_commands_are_understood(script: str) -> None:
    for words in commands(PAGE, script):
        READERS[script](words)


def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"shapes": {"size": 40, "variant": "single"}}
    made = tiny_run(tmp_path, 16, data=data, train_fraction=0.6)
    made.rename(tmp_path / "training_20261121_101500")
    monkeypatch.chdir(tmp_path)
    [block] = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.M | re.S)
    scope: dict[str, Any] = {}
    exec(block, scope)
    assert len(scope["found"].measures) > 5


def test_its_tables_name_flags_and_keys_that_there_are() -> None:
    from minimagen.training.config import EvaluationConfig

    keys = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", PAGE, flags=re.MULTILINE)
    assert set(keys) == set(EvaluationConfig.__dataclass_fields__)  # type: ignore[attr-defined]
