"""The page on exporting shows command lines that are understood."""

import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from minimagen.cli import export, prune
from minimagen.cli.flags import parse_flags
from tests.conftest import ROOT

PAGE = (ROOT / "docs/how-to/export.md").read_text(encoding="utf-8")
READERS: dict[str, Callable[[list[str]], Any]] = {
    name: lambda flags, command=command: parse_flags("", "", command.FLAGS, "", ["-d", *flags])
    for name, command in {"export": export, "prune": prune}.items()
}


@pytest.mark.parametrize("command", READERS)
def test_its_commands_are_understood(command: str) -> None:
    lines = re.findall(rf"^    python -m minimagen {command} (.+)$", PAGE, flags=re.MULTILINE)
    assert lines
    for line in lines:
        READERS[command](shlex.split(line))
