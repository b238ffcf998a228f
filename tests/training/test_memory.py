"""Memory that runs out is told in a line with what would fit; real allocations that must fail."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from minimagen.checkpoint import newest_checkpoint
from minimagen.errors import TrainingError
from minimagen.training.memory import memory_explained, smaller_batch
from tests.conftest import ROOT, cascade_of


@pytest.mark.parametrize(
    "allocate",
    [lambda: torch.empty(2**60, dtype=torch.uint8), lambda: np.empty(2**60, dtype=np.uint8)],
    ids=["torch", "numpy"],
)
def test_an_impossible_allocation_is_one_line(allocate: Callable[[], object]) -> None:
    with (
        pytest.raises(TrainingError, match="stage 1: out of memory with 8 images") as caught,
        memory_explained("stage 1", 8, 1),
    ):
        allocate()
    assert "--BATCH_SIZE 4 --ACCUM_ITER 2" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 1


def test_a_gpu_that_is_full_is_told_alike() -> None:
    with pytest.raises(TrainingError, match="out of memory"), memory_explained("stage 0", 2, 1):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_explained("stage 0", 2, 1):
        torch.zeros(2, 3) @ torch.zeros(2, 3)


@pytest.mark.parametrize(("batch_size", "accumulate"), [(2, 1), (9, 4), (7, 1), (64, 2)])
def test_the_smaller_batch_makes_the_same_step(batch_size: int, accumulate: int) -> None:
    words = smaller_batch(batch_size, accumulate).replace(",", "").split()
    smaller = int(words[words.index("--BATCH_SIZE") + 1])
    more = int(words[words.index("--ACCUM_ITER") + 1])
    assert smaller < batch_size
    assert smaller * more == batch_size * accumulate


def test_one_image_cannot_be_fewer() -> None:
    assert "--BATCH_SIZE" not in smaller_batch(1, 1)


# Limited in the middle of a run: the interpreter itself would not start in so little.
LIMITED = """
import resource, sys
import train
from minimagen.training.fit import Fit

take = Fit.step
def step_in_little_memory(fit, batches):
    if fit.progress.step == 2:
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**24, used + 2**24))
    take(fit, batches)
Fit.step = step_in_little_memory
sys.exit(train.main(sys.argv[1:]))
"""

# Or the allocator may serve a step from what the steps before gave back, and map nothing.
MAPPED = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and RLIMIT_AS")
def test_a_step_that_runs_out_of_memory_leaves_the_last_checkpoint(
    write_parameters: Callable[..., Path], tmp_path: Path
) -> None:
    """The process may map no more than 16 MiB from the third step on, a step needs hundreds."""
    tree = cascade_of(64)
    tree["training"] |= {"images": 1024, "batch_size": 256, "validation_images": 0}
    flags = ["-p", str(write_parameters(tree)), "-o", str(tmp_path), "-ts", "run", "-cn", "1"]
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, *flags],
        cwd=ROOT,
        env=os.environ | MAPPED,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "stage 0, after step 2: out of memory with 256 images" in ended.stderr
    assert "--BATCH_SIZE 128 --ACCUM_ITER 2" in ended.stderr
    newest, damaged = newest_checkpoint(tmp_path / "training_run" / "tmp" / "unet_0")
    assert newest is not None
    assert (newest.name, damaged) == ("step_00000002", [])
    assert json.loads((newest / "state.json").read_text())["step"] == 2
