"""``docs/reliability.md`` names a test for every fault, and every test that it names exists."""

import ast
import re

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


def faults() -> list[tuple[int, str]]:
    """Return number and text of each row; the table of exit codes has numbers of its own."""
    table = PAGE.partition("## The faults")[2]
    rows = re.findall(r"^\| (\d+) \| (.+)$", table, flags=re.MULTILINE)
    return [(int(number), text) for number, text in rows]


def test_there_is_a_row_for_each_of_the_24_faults() -> None:
    assert [number for number, _ in faults()] == list(range(1, 25))


@pytest.mark.parametrize(("number", "row"), faults())
def test_a_fault_has_a_test_or_a_reason_why_not(number: int, row: str) -> None:
    assert "`tests/" in row or "does not apply yet: " in row


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert name in defined
