"""The page on quality shows what its benchmark found, and says how to make it."""

import re
import shlex

import train
from benchmarks.performance_page import PLACE, QUALITY, filled
from benchmarks.quality import PARTS
from minimagen.cli.settings import new_run
from tests.conftest import ROOT

PAGE = QUALITY.read_text(encoding="utf-8")


def test_the_tables_are_those_that_were_measured() -> None:
    """After the benchmark: python -m benchmarks.performance_page."""
    assert filled(PAGE) == PAGE


def test_it_has_a_place_for_every_part() -> None:
    assert PLACE.findall(PAGE) == [f"quality_{part}" for part in PARTS]


def test_its_training_command_is_understood_and_its_pictures_are_there() -> None:
    [flags] = re.findall(r"^    python train.py (.+)$", PAGE, flags=re.MULTILINE)
    assert new_run(train.parse(shlex.split(flags))).training.data.dataset == "digits"
    for picture in re.findall(r"\]\((\S+\.png)\)", PAGE):
        assert (ROOT / "docs" / picture).is_file(), picture
