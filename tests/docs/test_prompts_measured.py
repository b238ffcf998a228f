"""The page on captions shows what ``benchmarks.prompts`` measured, and claims no more."""

import json
import re
from itertools import pairwise

from tests.conftest import ROOT

PAGE = (ROOT / "docs/how-to/write-captions.md").read_text(encoding="utf-8")
MEASURED = json.loads((ROOT / "docs/measured/prompts.json").read_text(encoding="utf-8"))


def tables() -> dict[str, dict[str, list[str]]]:
    """Return the page's tables: by caption, then by row."""
    found: dict[str, dict[str, list[str]]] = {}
    for heading, body in re.findall(r"^`(a [^`]+)`:\n\n((?:\|.+\n)+)", PAGE, flags=re.MULTILINE):
        rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in body.splitlines()[2:]]
        found[heading] = {row[0]: row[1:] for row in rows}
    return found


def test_its_tables_of_weights_are_the_measured_ones() -> None:
    expected = {
        caption.replace("{}", "w"): {
            name: [f"{at['redness']:.2f} ({at['area']:.2f})" for at in by_weight.values()]
            for name, by_weight in ways.items()
        }
        for caption, ways in MEASURED["weights"].items()
    }
    assert tables() == expected


def test_more_weight_was_measured_to_be_redder_and_negatives_to_be_rarer() -> None:
    """What the page claims: red area grows with every step, 0.005 for rounding and 64 pictures."""
    for ways in MEASURED["weights"].values():
        areas = [at["area"] for at in ways["shipped"].values()]
        assert all(after >= before - 0.005 for before, after in pairwise(areas))
        assert areas[-1] > areas[1]
    for caption in ("a red circle", "a blue square", "a green triangle"):
        without, colour = MEASURED["negatives"]["none"], caption.split()[1]
        assert MEASURED["negatives"][caption].get(colour, 0) < without[colour]


def test_its_table_of_negatives_is_the_measured_one() -> None:
    body = PAGE.partition("## Negative captions")[2]
    header, _, *rows = re.findall(r"^\|(.+)\|$", body, flags=re.MULTILINE)
    words = [cell.strip() for cell in header.split("|")[1:]]
    found = {row.split("|")[0].strip(): [c.strip() for c in row.split("|")[1:]] for row in rows}
    assert found == {
        caption: [f"{seen.get(word, 0):.2f}" for word in words]
        for caption, seen in MEASURED["negatives"].items()
    }
