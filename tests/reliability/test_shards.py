"""Training on tar shards that is killed in mid-epoch goes on with the very next sample."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from minimagen.data.sources import DataConfig, open_source
from minimagen.data.split import split
from tests.conftest import ROOT, cascade_of
from tests.data.pictures_at_hand import LAYOUTS, digits_and_photographs
from tests.launched import Launched, launch
from tests.tiny_runs import files_of, write_parameters

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks processes up in /proc"),
]
IMAGES, BATCH, KILLED_AFTER = 120, 2, 9
Start = Callable[..., Launched]


def alone(output: Path, *command: str) -> Launched:
    """Start one process of a script, as :func:`launch` starts two."""
    output.mkdir(parents=True, exist_ok=True)
    with (output / "printed.txt").open("w") as out, (output / "errors.txt").open("w") as errors:
        started = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, stdout=out, stderr=errors, env=os.environ
        )
    return Launched(started, output)


def measured(run: Path) -> int:
    lines = run / "metrics.jsonl"
    return len(lines.read_text().splitlines()) if lines.is_file() else 0


@pytest.mark.parametrize(("start", "count"), [(alone, 1), (launch, 2)])
def test_a_run_on_shards_killed_in_mid_epoch_goes_on_with_the_next_sample(
    start: Start, count: int, tmp_path: Path
) -> None:
    """The bytes are those of a run that was left alone: no sample came twice, none was left out."""
    pytest.importorskip("sklearn")
    pytest.importorskip("datasets")
    shards = LAYOUTS["tar"](tmp_path / "shards", digits_and_photographs())
    source, _ = open_source(DataConfig(dataset=str(shards)), check_size=16)
    trained_on, _ = split(len(source), 0.9, 0)
    assert (BATCH * count * KILLED_AFTER) % len(trained_on), "the kill is between two epochs"

    tree = cascade_of(16)
    tree["training"] |= {"images": IMAGES * count, "batch_size": BATCH, "checkpoint_every": 4}
    flags = ["-p", str(write_parameters(tmp_path / "p", tree)), "-ds", str(shards), "-ts", "run"]
    whole = start(tmp_path / "whole", "train.py", *flags, "-o", str(tmp_path / "whole"))
    assert whole.ended() == 0, whole.errors

    cut, run = tmp_path / "cut", tmp_path / "cut" / "training_run"
    first = start(cut, "train.py", *flags, "-o", str(cut))
    first.until(lambda: measured(run) >= KILLED_AFTER)
    os.kill(first.processes()[-1] if count > 1 else first.launcher.pid, 9)
    assert first.ended() != 0
    assert KILLED_AFTER <= measured(run) < IMAGES // BATCH
    again = start(cut, "train.py", "-rd", str(run))
    assert again.ended() == 0, again.errors
    assert files_of(run) == files_of(tmp_path / "whole" / "training_run")
