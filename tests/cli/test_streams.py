"""A reader that goes away never ends a run; real pipes, nobody at their other end."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from minimagen.cli.leaving import leave_well
from minimagen.cli.streams import lasting_streams
from minimagen.errors import TrainingError


@contextmanager
def unread(name: str) -> Iterator[None]:
    """Make a standard stream a pipe that nobody reads; not in a fixture, pytest would undo it."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    before = getattr(sys, name)
    with os.fdopen(write_end, "w") as stream:
        setattr(sys, name, stream)
        try:
            yield
        finally:
            setattr(sys, name, before)


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_work_goes_on_when_nobody_reads(name: str, tmp_path: Path) -> None:
    def work() -> None:
        for _ in range(3):
            print("x" * 100_000, file=getattr(sys, name))
        (tmp_path / "done").touch()

    with unread(name):
        assert leave_well("prog", work) == 0
    assert (tmp_path / "done").exists()


def test_an_error_keeps_its_exit_code_when_nobody_reads() -> None:
    def work() -> None:
        raise TrainingError("no number")

    with unread("stderr"):
        assert leave_well("prog", work) == 1


def test_the_streams_are_put_back() -> None:
    before = sys.stdout, sys.stderr
    with lasting_streams():
        assert (sys.stdout, sys.stderr) != before
    assert (sys.stdout, sys.stderr) == before


def test_a_line_is_read_as_soon_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Into a pipe too, where Python would keep 8 KiB back; ``| tee log`` shows where a run is."""
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "w") as stream, os.fdopen(read_end) as reader:
        monkeypatch.setattr(sys, "stdout", stream)
        with lasting_streams():
            print("here")
            assert reader.readline() == "here\n"
        monkeypatch.undo()


def test_letters_that_a_stream_cannot_hold_are_spelt_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "out.txt"
    with path.open("w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with lasting_streams():
            print("zwölf")
        monkeypatch.undo()
    assert path.read_text() == "zw\\xf6lf\n"
