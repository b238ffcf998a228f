"""Stages small enough to take a training step in milliseconds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minimagen.cascade import CascadeConfig
from minimagen.imagen import make_stage
from minimagen.stage import Stage
from tests.conftest import cascade_of, stage_of
from tests.models.networks import awakened

Write = Callable[..., Path]


@pytest.fixture
def make_second_stage(write_parameters: Write) -> Callable[..., Stage]:
    """Make the second stage of 16 and 32 px, with changes, every weight of it drawn."""

    def make(**changes: Any) -> Stage:
        tree = cascade_of(16, 32)
        tree["imagen"]["stages"][1] = stage_of(32, **changes)
        stage = make_stage(CascadeConfig.read(write_parameters(tree)), 1)
        awakened(stage.network)
        return stage

    return make
