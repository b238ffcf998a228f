"""The page that shows how to add a sampler is run as it stands."""

import math
from pathlib import Path
from typing import Any

import pytest

from minimagen.cli.inference import FLAGS
from minimagen.diffusion.schedules import CosineSchedule
from minimagen.sampling import SAMPLERS
from minimagen.sampling.grids import LogSNRGrid
from tests.sampling.gaussian import error

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-sampler.md"


def test_the_sampler_on_the_page_is_of_order_2_as_it_says() -> None:
    """0.3 is what is left of the next order's term, as for the samplers of the house."""
    source = PAGE.read_text().split("```python\n")[1].split("```")[0]
    page: dict[str, Any] = {}
    exec(source, page)
    coarse, fine = (error(page["midpoint"], n, CosineSchedule(), LogSNRGrid()) for n in (200, 400))
    assert math.log2(coarse / fine) == pytest.approx(2, abs=0.3)


def test_the_help_of_inference_names_every_sampler() -> None:
    [flag] = [flag for flag in FLAGS if flag.name == "SAMPLER"]
    assert all(name in flag.help for name in SAMPLERS)
