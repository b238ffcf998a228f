"""The page on averages shows what was measured, and command lines that are understood."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

import inference
import train
from minimagen.cli.average import FLAGS
from minimagen.cli.flags import parse_flags
from minimagen.cli.settings import new_run
from tests.commands import commands
from tests.conftest import ROOT

PAGE = (ROOT / "docs/how-to/choose-an-average.md").read_text(encoding="utf-8")
READERS: dict[str, Callable[[list[str]], Any]] = {
    "train.py": lambda flags: new_run(train.parse(flags)),
    "inference.py": inference.parse,
    "-m minimagen average": lambda flags: parse_flags("average", "", FLAGS, "", ["-d", *flags]),
}


def test_its_table_is_the_measured_one() -> None:
    measured = json.loads((ROOT / "docs/measured/averages.json").read_text())
    rows = re.findall(r"^\| (raw|ema:[\d.]+) \| ([\d.]+) \|", PAGE, flags=re.MULTILINE)
    assert {kind: float(loss) for kind, loss in rows} == measured["validation_loss"]


@pytest.mark.parametrize("script", READERS)
def test_its_commands_are_understood(script: str) -> None:
    for words in commands(PAGE, script):
        READERS[script](words)
