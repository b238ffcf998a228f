"""Finished jobs on disk: they can be loaded again, and nothing outside them can be reached."""

import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from minimagen.apps.history import ARCHIVES, Entry, History, UnknownEntryError
from minimagen.apps.requests import DrawRequest
from minimagen.errors import UsageError
from tests.apps.conftest import mask_file, picture_file
from tests.conftest import ROOT

INPAINT = DrawRequest.model_validate(
    {
        "captions": ["a red circle", "blau & <b>ü</b>\u202e"],
        "negative": "noise",
        "seed": 7,
        "first_number": 3,
        "steps": [4, 2],
        "edit": {"kind": "inpaint", "picture": picture_file(), "mask": mask_file()},
    }
)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "out")


def add(history: History, request: DrawRequest = INPAINT) -> Entry:
    pictures = [Image.new("RGB", (64, 32), (10 * i, 0, 0)) for i in range(request.count)]
    return history.add(request, pictures, run="training_x", seconds=1.5, settings={"steps": [4, 2]})


def test_a_request_comes_back_whole_its_pictures_included(history: History) -> None:
    entry = add(history)
    assert History(history.output).request(entry.id) == INPAINT


def test_a_picture_knows_how_it_was_made(history: History) -> None:
    shots = add(history).shots
    assert [(s.caption, s.seed, s.number, s.width, s.height) for s in shots] == [
        (INPAINT.captions[0], 7, 3, 64, 32),
        (INPAINT.captions[1], 7, 4, 64, 32),
    ]
    fields = Image.open(shots[1].path).info
    assert fields["caption"] == INPAINT.captions[1]
    assert (fields["seed"], fields["image"], fields["steps"]) == ("7", "4", "[4, 2]")
    assert Image.open(shots[0].thumbnail).format == "JPEG"


def test_jobs_are_listed_newest_first_and_page_by_page(history: History) -> None:
    made = [add(history).id for _ in range(5)]
    assert [entry.id for entry in history.entries(2)] == made[:-3:-1]
    assert [entry.id for entry in history.entries(9, before=made[3])] == made[2::-1]


def test_favourites_last(history: History) -> None:
    one, two = add(history), add(history)
    for entry, index in ((one, 1), (two, 0), (two, 1)):
        history.favourite(entry.id, index)
    history.favourite(two.id, 0, is_one=False)
    again = History(history.output)
    assert [(s.entry, s.index) for s in again.favourites()] == [(two.id, 1), (one.id, 1)]
    assert not again.is_favourite(two.shots[0])


@pytest.mark.parametrize("damage", ["{", "", '{"format": 2}', '{"format": 1}', "null", "[]"])
def test_damaged_jobs_are_passed_over(history: History, damage: str) -> None:
    bad, good = add(history), add(history)
    (history.root / bad.id / "job.json").write_text(damage)
    again = History(history.output)
    assert [entry.id for entry in again.entries()] == [good.id]
    with pytest.raises(UnknownEntryError, match="is damaged"):
        again.entry(bad.id)


@pytest.mark.parametrize("name", ["../history", "..", "", ".", "/etc", "x", "a\0b", "é" * 300])
def test_only_an_id_finds_a_job(history: History, name: str) -> None:
    add(history)
    for ask in (history.entry, history.request, history.remove):
        with pytest.raises(UnknownEntryError, match="the history has no such job"):
            ask(name)


def test_a_place_without_a_picture_is_told(history: History) -> None:
    entry = add(history)
    for index in (-1, 2):
        with pytest.raises(UnknownEntryError, match="only 2 of them"):
            history.shot(entry.id, index)


def test_an_archive_holds_pictures_and_settings_and_only_the_newest_are_kept(
    history: History,
) -> None:
    one, two = add(history), add(history)
    for _ in range(ARCHIVES + 2):
        path = history.archive([(one.id, 0), (two.id, 1), (one.id, 0)])
    assert path.is_relative_to(history.output)
    assert len(list(history.archives.iterdir())) == ARCHIVES
    with zipfile.ZipFile(path) as file:
        names = (one.id, "image_0.png"), (two.id, "image_1.png")
        expected = [f"{job}/{name}" for job, own in names for name in (own, "settings.json")]
        assert sorted(file.namelist()) == sorted(expected)
        assert Image.open(io.BytesIO(file.read(f"{two.id}/image_1.png"))).size == (64, 32)
        assert json.loads(file.read(f"{one.id}/settings.json"))["request"]["seed"] == 7
    with pytest.raises(UsageError, match="0 pictures chosen"):
        history.archive([])


def test_what_is_removed_is_gone(history: History) -> None:
    entry = add(history)
    history.remove(entry.id)
    assert history.entries() == []
    assert list(history.root.iterdir()) == []
    with pytest.raises(UnknownEntryError):
        history.entry(entry.id)


@pytest.mark.slow
def test_killed_while_it_writes_every_job_that_is_listed_is_whole(tmp_path: Path) -> None:
    """A process adds jobs as fast as it can; what it leaves is whole, or swept."""
    program = (
        "import sys; from pathlib import Path; from tests.apps.test_history import *\n"
        f"history = History(Path({str(tmp_path)!r}))\n"
        "while True: add(history); print('.', flush=True)"
    )
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, env=os.environ
        )
        assert child.stdout is not None
        for _ in range(5):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    history = History(tmp_path)
    assert len(history.ids()) >= 15
    assert len(history.entries(1000)) == len(history.ids()) == len(list(history.root.iterdir()))
    for entry in history.entries(1000):
        assert history.request(entry.id) == INPAINT
        for shot in entry.shots:
            Image.open(shot.path).load()


def test_a_place_where_nothing_can_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="no directory can be made there"):
        History(tmp_path / "file" / "out")
