"""The page on text encoders names what there is, and its tables are those that were measured."""

import json
import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import compositions, t5_tiny, text_encoders, what_stands_where
from benchmarks.record import MEASURED
from minimagen.cli.settings import new_run
from minimagen.cli.train import parse
from minimagen.text.encoders import ENCODERS
from tests.conftest import ROOT

PAGE = (ROOT / "docs/text.md").read_text(encoding="utf-8")
REPORTS: dict[str, Callable[[Any], None]] = {
    "compositions": lambda found: compositions.report(found),
    "t5_tiny": lambda found: t5_tiny.report(found),
    "text_encoders": lambda found: text_encoders.report(found),
    "what_stands_where": lambda found: what_stands_where.report(found),
}


@pytest.mark.parametrize("kind", ENCODERS)
def test_every_kind_is_a_row_of_the_page(kind: str) -> None:
    assert f"\n| `{kind}` |" in PAGE


@pytest.mark.parametrize("name", REPORTS)
def test_its_tables_are_what_the_command_prints(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = json.loads((MEASURED / f"{name}.json").read_text(encoding="utf-8"))
    REPORTS[name](measured["found"])
    tables = capsys.readouterr().out.strip().split("\n\n")
    assert tables
    assert all(table in PAGE for table in tables)


def test_what_it_says_of_words_and_lengths_was_measured() -> None:
    measured = json.loads((MEASURED / "t5_tiny.json").read_text(encoding="utf-8"))
    for word, near in measured["nearest"].items():
        assert f"| {word} | {', '.join(near)} |" in PAGE
    for caption, tokens in measured["tokens"].items():
        assert f"| {caption} | {tokens} |" in PAGE


def test_its_flags_are_read() -> None:
    lines = re.findall(r"^    (--SET .+)$", PAGE, flags=re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        new_run(parse(["-p", str(ROOT / "parameters/tiny"), *shlex.split(line)]))
