"""The page on framing shows what was measured, command lines that are understood, and every key."""

import json
import re
from dataclasses import fields

import pytest

import inference
import train
from minimagen.cli.settings import new_run
from minimagen.data.augmentation import PictureAugmentation
from minimagen.data.framing import FramingConfig
from tests.commands import commands
from tests.conftest import ROOT

PAGE = (ROOT / "docs/how-to/crop-and-buckets.md").read_text(encoding="utf-8")
MEASURED = ROOT / "docs/measured"


def rows_of(first: str) -> list[list[str]]:
    """Return the cells of the table rows that begin with a word of these."""
    lines = re.findall(rf"^\| (?:{first}) \|.*\|$", PAGE, flags=re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_what_was_drawn_at_each_ratio_is_what_was_measured() -> None:
    measured = json.loads((MEASURED / "two_ratios.json").read_text())
    expected = [[kind, *map(str, values.values())] for kind, values in measured["ratios"].items()]
    assert rows_of("wide|tall|square") == expected
    assert f"took {measured['cpu_seconds']} s" in PAGE


def test_the_speed_of_loading_is_what_was_measured() -> None:
    measured = json.loads((MEASURED / "loading.json").read_text())
    expected = [[size, *map(str, values.values())] for size, values in measured["speed"].items()]
    assert rows_of(r"\d+") == expected
    shares = [[*map(str, row.values())] for row in measured["waiting"]]
    assert rows_of("shapes|folder of JPEGs") == shares


@pytest.mark.parametrize("script", ["train.py", "inference.py"])
def test_its_commands_are_understood(script: str) -> None:
    for flags in commands(PAGE, script):
        if script == "train.py":
            new_run(train.parse(flags))
        else:
            inference.parse(flags)


@pytest.mark.parametrize("config", [FramingConfig, PictureAugmentation])
def test_it_names_every_key(config: type) -> None:
    assert all(f"`{field.name}`" in PAGE for field in fields(config))
