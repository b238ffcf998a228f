"""The page on the mathematics says what there is, and its table is the one that was measured."""

import json
from pathlib import Path
from typing import get_args

import pytest

from benchmarks.record import MEASURED
from benchmarks.samplers import report
from minimagen.diffusion import AnySchedule, Objective, Times, Weighting
from minimagen.sampling import SAMPLERS
from minimagen.sampling.grids import Grid

PAGE = (Path(__file__).parents[2] / "docs" / "math.md").read_text(encoding="utf-8")
KINDS = [
    kind.__dataclass_fields__["kind"].default
    for union in (AnySchedule, Objective, Weighting, Times, Grid)
    for kind in get_args(get_args(union)[0])
]


@pytest.mark.parametrize("name", [*KINDS, *SAMPLERS])
def test_every_kind_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_the_table_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    report(json.loads((MEASURED / "samplers.json").read_text(encoding="utf-8")))
    assert capsys.readouterr().out.strip() in PAGE
