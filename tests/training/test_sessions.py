"""Who worked on a run, with what, and how that ended."""

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

import minimagen
from minimagen.errors import TrainingError
from minimagen.training import sessions
from minimagen.training.sessions import FILE, read_sessions, recorded_session

CPU = torch.device("cpu")


def test_a_session_says_what_ran_where_and_when(tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    with recorded_session(tmp_path, CPU):
        (open_one,) = read_sessions(tmp_path)
        assert (open_one.ended, open_one.outcome) == (None, None)
    (session,) = read_sessions(tmp_path)
    assert session.ended is not None
    started, ended = map(datetime.fromisoformat, (session.started, session.ended))
    assert before <= started <= ended <= datetime.now(UTC)
    assert (session.outcome, session.pid, session.device) == ("done", os.getpid(), "cpu")
    assert session.threads == torch.get_num_threads()
    assert session.versions["torch"] == torch.__version__
    assert session.versions["minimagen"] == minimagen.__version__
    assert len((tmp_path / FILE).read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TrainingError("stage 0: disk full; make room\nand more"), "stage 0: disk full"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (ValueError("a secret"), "ValueError"),
    ],
)
def test_what_ended_a_session_is_written_down_and_goes_on_up(
    tmp_path: Path, error: BaseException, outcome: str
) -> None:
    with pytest.raises(type(error)), recorded_session(tmp_path, CPU):
        raise error
    assert read_sessions(tmp_path)[0].outcome == outcome


def test_sessions_that_overlap_keep_a_line_each(tmp_path: Path) -> None:
    """As of two processes that fit two stages into one directory; the first ends last."""
    with recorded_session(tmp_path, CPU):
        with recorded_session(tmp_path, CPU):
            pass
        assert [session.outcome for session in read_sessions(tmp_path)] == [None, "done"]
    assert [session.outcome for session in read_sessions(tmp_path)] == ["done", "done"]


def test_lines_that_cannot_be_read_are_kept_and_passed_over(tmp_path: Path) -> None:
    """A half-written one, one of a later version, some that are none."""
    later = {"id": "ab", "command": "train.py", "invented_later": 1}
    strange = f'{{"id": "a\n3\nnull\n{{"threads": "many"}}\n{json.dumps(later)}\n'
    (tmp_path / FILE).write_text(strange)
    with recorded_session(tmp_path, CPU):
        pass
    first, second = read_sessions(tmp_path)
    assert (first.command, second.outcome) == ("train.py", "done")
    assert (tmp_path / FILE).read_text().startswith(strange)


def test_no_environment_variable_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "a-key-that-is-secret")
    with recorded_session(tmp_path, CPU):
        pass
    assert "a-key-that-is-secret" not in (tmp_path / FILE).read_text()


def git(where: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    command = ["git", "-C", str(where), *who, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_is_that_of_the_checkout_and_says_when_files_were_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory inside another checkout, as an installed package may be, is no checkout."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    found = []
    for change in (lambda: None, lambda: (tmp_path / "file").write_text("two")):
        change()
        monkeypatch.setattr(sessions, "CHECKOUT", tmp_path)
        with recorded_session(tmp_path, CPU):
            pass
        found.append(read_sessions(tmp_path)[-1].commit)
    assert found == [commit, f"{commit}-dirty"]
    (tmp_path / "inside").mkdir()
    monkeypatch.setattr(sessions, "CHECKOUT", tmp_path / "inside")
    with recorded_session(tmp_path, CPU):
        pass
    assert read_sessions(tmp_path)[-1].commit is None
