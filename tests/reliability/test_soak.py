"""A run stays as small as it began; ``benchmarks/soak.py`` asks the same of 2,000 steps."""

import sys
from pathlib import Path

import pytest

from benchmarks.soak import soak, summary


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_and_open_files_are_flat(tmp_path: Path) -> None:
    """400 steps with 4 checkpoints; a leaked batch is 98 KB a step, a leaked file 1 a step.

    The allocator's own noise was up to 5 KB a step. A checkpoint being written has two files open.
    """
    found = summary(soak(400, tmp_path), 400)
    assert found["looks"] >= 4
    assert abs(found["rss_kb_per_step"]) < 40
    assert found["files_max"] <= found["files_median"] + 4
