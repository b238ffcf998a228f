"""The page on exporting shows what was measured, and command lines that are understood."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from minimagen.cli import export, prune
from minimagen.cli.flags import parse_flags
from tests.commands import commands
from tests.conftest import ROOT

PAGE = (ROOT / "docs/how-to/export.md").read_text(encoding="utf-8")
READERS: dict[str, Callable[[list[str]], Any]] = {
    name: lambda flags, command=command: parse_flags("", "", command.FLAGS, "", ["-d", *flags])
    for name, command in {"export": export, "prune": prune}.items()
}


@pytest.mark.parametrize("command", READERS)
def test_its_commands_are_understood(command: str) -> None:
    for words in commands(PAGE, f"-m minimagen {command}"):
        READERS[command](words)


@pytest.mark.parametrize(
    ("name", "table"), [("exported", "calls"), ("exported", "drawings"), ("pruned", "rows")]
)
def test_its_tables_are_the_measured_ones(name: str, table: str) -> None:
    measured = json.loads((ROOT / f"docs/measured/{name}.json").read_text())[table]
    for row in measured:
        assert f"| {' | '.join(map(str, row.values()))} |" in PAGE
