"""A run that commands can judge."""

from pathlib import Path
from typing import Any

import pytest

from tests.tiny_runs import tiny_run

SCENES: dict[str, Any] = {
    "data": {"shapes": {"size": 60, "variant": "single"}},
    "train_fraction": 0.6,
}


@pytest.fixture(scope="session")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a training directory of 16 and 32 px, whose pictures are still noise."""
    return tiny_run(tmp_path_factory.mktemp("short"), 16, 32, **SCENES)


@pytest.fixture(scope="session")
def longer_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one of its base alone that was trained for longer."""
    return tiny_run(tmp_path_factory.mktemp("longer"), 16, images=200, batch_size=10, **SCENES)
