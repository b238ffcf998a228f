"""Two processes and one training directory: one writes, any number read."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

import inference
import train
from minimagen.errors import LockedError
from minimagen.locking import stage_lock
from tests.conftest import ROOT
from tests.tiny_runs import files_of, tiny_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run of two stages; only read it."""
    return tiny_run(tmp_path_factory.mktemp("whole"), 16, 32)


def test_a_second_writer_is_told_who_holds_the_stage_with_exit_code_4(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another stage is free. The refused one changes nothing, not even what it asked for."""
    before = files_of(run)
    with stage_lock(run / "tmp/unet_1"):
        assert train.main(["-rd", str(run), "-st", "0"]) == 0
        noted = texts_of(run)
        capsys.readouterr()
        assert train.main(["-rd", str(run), "-cn", "7"]) == LockedError.exit_code == 4
    assert f"locked by pid {os.getpid()} on host " in capsys.readouterr().err
    assert files_of(run) == before
    assert texts_of(run) == noted


def texts_of(run: Path) -> dict[str, str]:
    """Read what a run says of itself."""
    files = [*run.glob("parameters/*"), *run.glob("*.txt"), *run.glob("*.jsonl")]
    return {file.name: file.read_text() for file in files}


@pytest.mark.slow
def test_two_processes_fit_two_stages_into_one_directory_at_once(tmp_path: Path) -> None:
    """As two machines would, each under its stage's lock; the bytes are those of one process."""
    whole = tiny_run(tmp_path / "whole", 16, 32, images=80)
    begin = ["-p", str(tmp_path / "whole/parameters"), "-o", str(tmp_path), "-ts", "run"]
    together = tmp_path / "training_run"
    first = started(*begin, "-st", "0")
    deadline = time.monotonic() + 120
    while not together.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    second = started("-rd", str(together), "-st", "1")
    assert [process.wait(120) for process in (first, second)] == [0, 0]
    assert files_of(together) == files_of(whole)
    lines = [json.loads(line) for line in (together / "metrics.jsonl").read_text().splitlines()]
    steps = [(line["stage"], line["step"]) for line in lines if "loss" in line]
    assert sorted(steps) == [(stage, step) for stage in (0, 1) for step in range(1, 41)]


def started(*flags: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, str(ROOT / "train.py"), *flags, "-dv", "cpu"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_readers_need_no_lock(run: Path, tmp_path: Path) -> None:
    with stage_lock(run / "tmp/unet_0"), stage_lock(run / "tmp/unet_1"):
        flags = ["-d", str(run), "-c", "a red circle", "-o", str(tmp_path)]
        out = inference.infer(inference.parse(flags))
    with Image.open(out / "generated_images/image_0.png") as picture:
        assert picture.size == (32, 32)
