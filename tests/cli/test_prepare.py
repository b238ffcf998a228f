"""``python -m minimagen prepare``."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from minimagen.__main__ import main
from minimagen.errors import LockedError, TrainingError, UsageError
from minimagen.locking import stage_lock
from tests.conftest import ROOT
from tests.disks import mounted
from tests.preparation.albums import album, contents

Shown = Callable[..., tuple[int, str, str]]
COUNT = 30


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an album; only read it."""
    return album(tmp_path_factory.mktemp("data") / "album", COUNT)


@pytest.fixture
def prepare(capsys: pytest.CaptureFixture[str]) -> Shown:
    """Run the command; its exit code, standard output and standard error."""

    def run(*flags: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["prepare", *map(str, flags)])
        return code, *capsys.readouterr()

    return run


def complaint(said: str) -> str:
    """Return the one line that says what is wrong."""
    lines = [line for line in said.splitlines() if "minimagen prepare:" in line]
    assert len(lines) == 1
    return lines[0]


def test_it_prints_what_came_of_it(prepare: Shown, pictures: Path, tmp_path: Path) -> None:
    code, out, err = prepare(pictures, tmp_path / "out", "--size", "32", "--min-words", "2")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == f"{pictures}: 32 found, 30 kept"
    assert "         1  caption under 2 words" in lines
    assert "written: 30 samples, 0.1 MB; shards: 1" in lines
    assert lines[-1] == f"{tmp_path / 'out'}: look at contact_sheet.png and rejected.jsonl"
    assert "looking: 100%" in err
    assert "writing: 100%" in err


def test_both_spellings_and_both_ways_to_name_directories_mean_the_same(
    prepare: Shown, pictures: Path, tmp_path: Path
) -> None:
    short = ["-s", 32, "--block-samples", 7, "--join-captions"]
    long = ["--SIZE", 32, "--BLOCK_SAMPLES", 7, "--JOIN_CAPTIONS"]
    assert prepare(pictures, tmp_path / "a", *short)[0] == 0
    assert prepare(*long, "--DATASET", pictures, "--OUTPUT", tmp_path / "b")[0] == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_help_comes_in_under_a_second_and_shows_examples() -> None:
    """Of the processor's time; the machine that runs this may be busy."""
    command = [sys.executable, "-m", "minimagen", "prepare", "--help"]
    before = os.times()
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    after = os.times()
    assert (
        after.children_user + after.children_system
        < 1 + before.children_user + before.children_system
    )
    assert "--BLOCK_SAMPLES X, --block-samples X" in said
    assert said.count("  python -m minimagen prepare ") == 2
    assert "Exit codes" in said


@pytest.mark.parametrize(
    ("flags", "wrong"),
    [
        ([], "--DATASET: missing; say prepare SOURCE OUT"),
        (["data"], "--OUTPUT: missing; say prepare SOURCE OUT"),
        (["data", "out", "--size", "2"], "--SIZE 2: give a whole number from 4 to 8192"),
        (["data", "out", "--format", "gif"], "--FORMAT gif: choose one of jpg, png, webp"),
        (["shapes", "out"], "--SIZE: missing; shapes is drawn at any size"),
        (["not_here", "out"], "not_here: does not exist"),
        (["data", "out", "more"], "unrecognized arguments: more"),
    ],
)
def test_wrong_use_is_one_line(
    prepare: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], wrong: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = prepare(*flags)
    assert (code, out) == (UsageError.exit_code, "")
    assert wrong in complaint(err)
    assert list(tmp_path.iterdir()) == []


def test_a_second_process_is_told_who_is_there(
    prepare: Shown, pictures: Path, tmp_path: Path
) -> None:
    with stage_lock(tmp_path / "out.preparing"):
        code, _, err = prepare(pictures, tmp_path / "out")
    assert code == LockedError.exit_code
    assert f"locked by pid {os.getpid()}" in complaint(err)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_ctrl_c_leaves_what_the_same_line_goes_on_from(prepare: Shown, tmp_path: Path) -> None:
    """The signal comes to the whole group, workers too, as from a terminal."""
    source = album(tmp_path / "album", 600)  # a second and more after the first are noted
    flags = [str(source), str(tmp_path / "out"), "--size", "32", "-n", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "minimagen", "prepare", *flags],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while not list(tmp_path.glob("out.preparing/looks/*.npy")):
            assert process.poll() is None
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert complaint(said).endswith("stopped by Ctrl-C")
    assert f"what is done is in {tmp_path / 'out'}.preparing; the same line goes on" in said
    assert "Traceback" not in said
    assert prepare(*flags)[0] == 0
    assert prepare(source, tmp_path / "whole", "--size", "32")[0] == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk with room for what is noted, not for what is written."""
    with mounted(tmp_path, "size=300k") as disk:
        yield disk


def test_a_full_disk_is_one_line_and_it_goes_on_when_there_is_room(
    prepare: Shown, pictures: Path, small_disk: Path, tmp_path: Path
) -> None:
    flags = ["--format", "png", "--block-samples", "10"]
    code, _, err = prepare(pictures, small_disk / "out", *flags)
    assert code == TrainingError.exit_code
    assert "disk full" in complaint(err)
    assert not (small_disk / "out").exists()
    remount = ["mount", "-t", "tmpfs", "-o", "remount,size=8m", "none", str(small_disk)]
    subprocess.run(remount, check=True)
    assert prepare(pictures, small_disk / "out", *flags)[0] == 0
    assert prepare(pictures, tmp_path / "whole", *flags)[0] == 0
    assert contents(small_disk / "out") == contents(tmp_path / "whole")
