"""``python -m minimagen find-rate``: a table and a suggestion, and nothing left behind."""

from collections.abc import Callable
from pathlib import Path

import pytest

from minimagen.__main__ import main
from tests.conftest import cascade_of


def test_it_prints_a_suggestion_for_each_stage_and_leaves_nothing(
    write_parameters: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    parameters = write_parameters(cascade_of(16, 32))
    empty, scratch = tmp_path / "empty", tmp_path / "scratch"
    for directory in (empty, scratch):
        directory.mkdir()
    monkeypatch.chdir(empty)
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    flags = ["-p", str(parameters), "-st", "0,1", "-ns", "30", "--LOWEST", "1e-4"]
    assert main(["find-rate", *flags]) == 0
    out = capsys.readouterr().out
    assert out.count("suggested: -lr ") == 2
    assert list(empty.iterdir()) == list(scratch.iterdir()) == []


def test_a_wrong_flag_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["find-rate", "-ns", "3"]) == 2
    assert "--STEPS 3: give a whole number from 10 to 100000" in capsys.readouterr().err
