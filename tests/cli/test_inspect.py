"""What ``python -m minimagen inspect`` prints and how it ends, on a whole run and damaged ones."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from minimagen.__main__ import main
from minimagen.cli.inspect import WIDTH
from minimagen.locking import stage_lock
from tests.conftest import ROOT
from tests.tiny_runs import tiny_run

Shown = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run of two stages; only read it."""
    return tiny_run(tmp_path_factory.mktemp("whole"), 16, 32)


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """Return a copy to damage."""
    return shutil.copytree(whole, tmp_path / "training_run")


@pytest.fixture
def inspect(capsys: pytest.CaptureFixture[str]) -> Shown:
    """Run the command; its exit code, standard output and standard error."""

    def run(*flags: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["inspect", *flags])
        return code, *capsys.readouterr()

    return run


def damage(run: Path, step: int, stage: int = 0) -> None:
    (run / f"tmp/unet_{stage}/step_{step:08d}/model.safetensors").write_bytes(b"short")


def test_a_whole_run_is_shown_as_an_aligned_table(run: Path, inspect: Shown) -> None:
    code, out, err = inspect(str(run))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert lines[0] == str(run)
    heading = next(line for line in lines if line.startswith("stage  size"))
    first = lines[lines.index(heading) + 1]
    for name, value in (("size", "16 px"), ("steps", "4 of 4"), ("held by", "nobody")):
        assert first[heading.index(name) :].startswith(value)
    assert "the run is complete" in out
    said = lines[lines.index(next(line for line in lines if line.startswith("session "))) + 1]
    assert ", cpu, 1 thread" in said
    assert said.endswith("done")
    assert lines[-1] == "Every checkpoint verifies."


def test_damage_that_can_be_gone_around_is_said_and_is_no_failure(
    run: Path, inspect: Shown
) -> None:
    damage(run, 4)
    code, out, err = inspect("-d", str(run))
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= max(WIDTH, len(str(run)) + 50)  # paths do not break
    said = " ".join(out.split())
    assert "model.safetensors: has 5 bytes instead of" in said
    assert said.endswith("stage 0: goes on from step 2, its newest good one")
    assert "Every checkpoint verifies" not in out


def test_a_stage_that_is_lost_is_exit_code_3(run: Path, inspect: Shown) -> None:
    for step in (2, 4):
        damage(run, step, stage=1)
    code, out, err = inspect(str(run))
    assert code == 3
    assert "no checkpoint of stage 1 verifies; bring one back from a copy" in err
    assert "goes on" not in out
    assert len(err.splitlines()) == 1


def test_weights_without_any_checkpoint_are_no_run_that_has_yet_to_begin(
    run: Path, inspect: Shown
) -> None:
    for stage in (0, 1):
        shutil.rmtree(run / f"tmp/unet_{stage}")
    code, out, err = inspect(str(run))
    assert code == 3
    assert "no checkpoint of stage 0, stage 1 verifies" in err
    assert "continuing starts at step 0" not in out


@pytest.mark.parametrize("name", ["parameters/unet_0_params.json", "tmp/data.json"])
def test_a_run_whose_files_must_be_mended_first_is_exit_code_2(
    run: Path, inspect: Shown, name: str
) -> None:
    (run / name).write_text("{")
    code, out, err = inspect(str(run))
    assert code == 2
    assert f"{name}:" in "".join(out.split())  # wherever its lines are broken
    assert err.endswith("cannot be continued before its damaged files are mended\n")


def test_a_stage_that_is_held_names_the_process(run: Path, inspect: Shown) -> None:
    with stage_lock(run / "tmp/unet_1"):
        _, out, _ = inspect(str(run))
    assert [("pid" in line) for line in out.splitlines() if " of 4 " in line] == [False, True]


def test_json_holds_the_same_for_programs(run: Path, inspect: Shown) -> None:
    damage(run, 4)
    code, out, _ = inspect(str(run), "--json")
    assert inspect("--json", str(run)) == (code, out, "")
    report = json.loads(out)
    assert code == 0
    assert report["dataset"] == "shapes"
    assert [stage["step"] for stage in report["stages"]] == [2, 4]
    assert [c["complaint"] is None for c in report["stages"][0]["checkpoints"]] == [False, True]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["nowhere"], "nowhere: no such directory; name one that train.py made"),
        (["."], ".: no training directory; name one that train.py made"),
        ([], "--TRAINING_DIRECTORY: missing"),
        (["one", "two"], "unrecognized arguments: two"),
        (["-d", "one", "two"], "unrecognized arguments: two"),
        (["--NO_SUCH"], "unrecognized arguments: --NO_SUCH"),
    ],
)
def test_wrong_use_is_one_line(
    flags: list[str],
    message: str,
    inspect: Shown,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = inspect(*flags)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_help_needs_no_torch() -> None:
    """In a process of its own: the command's module and its help import nothing heavy."""
    program = (
        "import sys; from minimagen.cli.inspect import main\n"
        "try: main(['--help'])\n"
        "finally: assert 'torch' not in sys.modules"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=ROOT)
    assert shown.returncode == 0, shown.stderr
    assert b"--TRAINING_DIRECTORY" in shown.stdout
