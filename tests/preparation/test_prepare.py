"""Whole preparations: what they leave, and that nothing can change it but what was asked for."""

import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from minimagen.data.sources import DataConfig, open_source
from minimagen.data.stream import Batch, batches, consecutive
from minimagen.errors import DataError, LockedError, UsageError
from minimagen.locking import stage_lock
from minimagen.preparation.prepare import prepare
from minimagen.preparation.settings import Preparation
from minimagen.preparation.workshop import Workshop
from tests.conftest import ROOT
from tests.preparation.albums import album, contents, prepared, put, scene, silent, stopping

COUNT = 150  # three pieces to look at, 19 tasks to make
SMALL: dict[str, Any] = {"size": 32, "block_samples": 40}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an album; only read it."""
    return album(tmp_path_factory.mktemp("data") / "album", COUNT)


@pytest.fixture(scope="module")
def shards(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return what an uninterrupted preparation leaves."""
    out = tmp_path_factory.mktemp("out") / "shards"
    prepared(pictures, out, **SMALL)
    return contents(out)


def listed(lines: bytes) -> list[dict[str, str]]:
    return [json.loads(line) for line in lines.splitlines()]


def members(shard: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(shard)) as tar:
        return {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


# What is left


def test_it_leaves_shards_and_three_files_and_nothing_else(shards: dict[str, bytes]) -> None:
    assert list(shards) == [
        "contact_sheet.png",
        "rejected.jsonl",
        "report.json",
        *(f"shards-{i:05d}.tar" for i in range(4)),
    ]
    report = json.loads(shards["report.json"])
    assert (report["found"], report["kept"]) == (COUNT + 2, COUNT)
    assert report["written"]["samples"] == COUNT
    assert report["written"]["bytes"] == sum(
        len(data) for name, data in shards.items() if name.endswith(".tar")
    )
    assert listed(shards["rejected.jsonl"]) == [
        {
            "file_name": "broken.png",
            "reason": "not an image of a known kind (JPEG, PNG, WEBP, GIF, BMP, TIFF)",
        },
        {
            "file_name": "equal.png",
            "reason": "exact duplicate of another picture",
            "duplicate_of": "001.png",
        },
    ]
    assert opened(shards["contact_sheet.png"]).width > 1000


def test_a_shard_holds_pictures_captions_and_where_they_came_from(
    shards: dict[str, bytes],
) -> None:
    files = members(shards["shards-00001.tar"])
    assert len(files) == 3 * 40
    assert opened(files["00000041.jpg"]).size == (38, 32)
    assert files["00000041.txt"] == b"scene number 41"
    assert json.loads(files["00000041.json"]) == {
        "text": "scene number 41",
        "origin": "041.png",
        "width": 38,
        "height": 32,
    }


def test_a_folder_holds_the_same_samples(
    pictures: Path, shards: dict[str, bytes], tmp_path: Path
) -> None:
    prepared(pictures, tmp_path / "out", layout="folder", **SMALL)
    lines = listed((tmp_path / "out/metadata.jsonl").read_bytes())
    assert len(lines) == COUNT
    for number, line in enumerate(lines):
        files = members(shards[f"shards-{number // 40:05d}.tar"]) if number % 40 == 0 else files  # noqa: F821
        assert line.pop("file_name") == f"pictures/{number // 40:05d}/{number:08d}.jpg"
        assert json.loads(files[f"{number:08d}.json"]) == line
        written = tmp_path / f"out/pictures/{number // 40:05d}/{number:08d}.jpg"
        assert written.read_bytes() == files[f"{number:08d}.jpg"]


def test_a_prepared_folder_trains_as_the_original_would(tmp_path: Path) -> None:
    """Large JPEGs and PNGs; PNG loses nothing, so only roundings by 1 of 255 are allowed."""
    for i in range(8):
        put(
            tmp_path / "album", f"{i}.{'jpg' if i % 2 else 'png'}", scene(i, 333, 250), f"scene {i}"
        )
    prepared(tmp_path / "album", tmp_path / "out", layout="folder", size=16, format="png")
    for direct, ready in zip(served(tmp_path / "album"), served(tmp_path / "out"), strict=True):
        assert direct.captions == ready.captions
        off = (direct.images - ready.images).abs() * 127.5
        assert off.max() < 1.01
        assert (off > 0.5).float().mean() < 0.03


def served(root: Path) -> Iterator[Batch]:
    source, _ = open_source(DataConfig(dataset=str(root), max_rejected=0), check_size=16)
    stream = batches(source, range(8), size=16, plan=consecutive(4), seed=0, stage=0, cache_gb=0)
    return islice(stream, 4)


def test_shapes_are_drawn_at_the_size_asked_for(tmp_path: Path) -> None:
    settings = Preparation(dataset="shapes", size=64, limit=20, format="png", duplicates="exact")
    report = prepare(settings, tmp_path / "out", workers=0, progress=silent)
    assert report["kept"] == 20
    files = members((tmp_path / "out/shards-00000.tar").read_bytes())
    assert opened(files["00000003.png"]).size == (64, 64)


def test_captions_of_duplicates_can_be_kept_as_a_list(tmp_path: Path) -> None:
    put(tmp_path / "album", "a.png", scene(1), "first")
    put(tmp_path / "album", "b.png", scene(1), "second")
    prepared(tmp_path / "album", tmp_path / "out", join_captions=True)
    files = members((tmp_path / "out/shards-00000.tar").read_bytes())
    assert json.loads(files["00000000.json"])["text"] == ["first", "second"]


# What cannot change it


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_change_nothing(
    pictures: Path, shards: dict[str, bytes], tmp_path: Path, workers: int
) -> None:
    prepared(pictures, tmp_path / "out", workers=workers, **SMALL)
    assert contents(tmp_path / "out") == shards


@pytest.mark.parametrize("layout", ["shards", "folder"])
@pytest.mark.parametrize("between", [37, 64])
def test_stopped_again_and_again_it_ends_with_the_same_bytes(
    pictures: Path, tmp_path: Path, layout: str, between: int
) -> None:
    """Each time it gets a little further, and nothing bears the final name before the end."""
    asked = Preparation(dataset=str(pictures), layout=layout, **SMALL)  # type: ignore[arg-type]
    prepare(asked, tmp_path / "whole", workers=0, progress=silent)
    out, stops = tmp_path / "out", 0
    while not out.exists():
        stops += 1
        assert stops < 20
        try:
            prepare(asked, out, workers=0, progress=stopping(between * (1 + stops // 4)))
        except KeyboardInterrupt:
            assert not out.exists()
    assert stops > 3
    assert contents(out) == contents(tmp_path / "whole")
    assert not Workshop(out).path.exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_at_any_moment_it_ends_with_the_same_bytes(pictures: Path, tmp_path: Path) -> None:
    """Ten processes with workers, each killed a while after it wrote something new."""
    prepared(pictures, tmp_path / "whole", **SMALL)
    out, kills = tmp_path / "out", 0
    command = [sys.executable, "-m", "minimagen", "prepare", str(pictures), str(out)]
    flags = ["--size", "32", "--block-samples", "40", "-n", "2"]
    while not out.exists():
        before = len(list(tmp_path.glob("out.preparing/*/*")))
        with subprocess.Popen(
            [*command, *flags], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            deadline = time.monotonic() + 120
            while process.poll() is None and kills < 10 and time.monotonic() < deadline:
                if len(list(tmp_path.glob("out.preparing/*/*"))) > before:
                    time.sleep(0.02 * kills)
                    process.kill()
                    kills += 1
                    break
                time.sleep(0.002)
    time.sleep(1)  # the last one may be at its tidying
    assert kills >= 5
    prepared(pictures, out, **SMALL)
    assert contents(out) == contents(tmp_path / "whole")
    assert not Workshop(out).path.exists()


# What is refused


def begun(pictures: Path, out: Path) -> None:
    asked = Preparation(dataset=str(pictures), **SMALL)
    with pytest.raises(KeyboardInterrupt):
        prepare(asked, out, workers=0, progress=stopping(100))


def test_a_finished_one_is_reported_again_and_left_alone(pictures: Path, tmp_path: Path) -> None:
    first = prepared(pictures, tmp_path / "out", **SMALL)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert prepared(pictures, tmp_path / "out", **SMALL) == json.loads(json.dumps(first))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == times


def test_a_finished_one_with_other_settings_is_refused(pictures: Path, tmp_path: Path) -> None:
    prepared(pictures, tmp_path / "out", **SMALL)
    with pytest.raises(UsageError, match="another preparation, with size 32, not 64"):
        prepared(pictures, tmp_path / "out", **SMALL | {"size": 64})


def test_a_begun_one_with_other_settings_is_refused(pictures: Path, tmp_path: Path) -> None:
    begun(pictures, tmp_path / "out")
    with pytest.raises(UsageError, match="begun, with quality 95, not 90"):
        prepared(pictures, tmp_path / "out", quality=90, **SMALL)


def test_a_directory_that_holds_something_else_is_refused(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="exists and is no preparation"):
        prepared(pictures, tmp_path / "out")
    assert contents(tmp_path / "out") == {"mine.txt": b"mine"}


def test_an_empty_directory_is_filled(tmp_path: Path) -> None:
    put(tmp_path / "album", "a.png", scene(1), "first")
    (tmp_path / "out").mkdir()
    prepared(tmp_path / "album", tmp_path / "out")
    assert (tmp_path / "out/shards-00000.tar").is_file()


def test_a_place_inside_the_source_is_refused(pictures: Path) -> None:
    with pytest.raises(UsageError, match="lies inside"):
        prepared(pictures, pictures / "out")
    assert not (pictures / "out.preparing").exists()


def test_data_that_changed_since_it_was_begun_is_refused(tmp_path: Path) -> None:
    source = album(tmp_path / "album", COUNT)
    begun(source, tmp_path / "out")
    put(source, "new.png", scene(COUNT), "new")
    with pytest.raises(UsageError, match="the data has changed since"):
        prepared(source, tmp_path / "out", **SMALL)


def test_a_picture_that_changed_in_its_pixels_only_is_refused(tmp_path: Path) -> None:
    """Its name, size and caption are as they were, so only its bytes can tell."""
    source = album(tmp_path / "album", COUNT)
    (source / "007.png").write_bytes(uncompressed(7))
    begun(source, tmp_path / "out")
    (source / "007.png").write_bytes(uncompressed(8))
    with pytest.raises(DataError, match=r"007\.png: has changed since it was looked at"):
        prepared(source, tmp_path / "out", **SMALL)


def uncompressed(number: int) -> bytes:
    file = io.BytesIO()
    scene(number).save(file, "BMP")
    return file.getvalue()


def test_two_processes_do_not_prepare_the_same(pictures: Path, tmp_path: Path) -> None:
    with (
        stage_lock(tmp_path / "out.preparing"),
        pytest.raises(LockedError, match=f"locked by pid {os.getpid()}"),
    ):
        prepared(pictures, tmp_path / "out")


def test_nothing_left_is_said_with_the_reasons(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing is left: shorter side under 50 pixels \(151\)"):
        prepared(pictures, tmp_path / "out", min_side=50)


def test_the_sheet_shows_a_duplicate_beside_what_stays(tmp_path: Path) -> None:
    """The two halves of a pair are equal pictures here."""
    put(tmp_path / "album", "a.png", scene(1), "first")
    put(tmp_path / "album", "b.png", scene(1), "second")
    prepared(tmp_path / "album", tmp_path / "out")
    sheet = np.asarray(Image.open(tmp_path / "out/contact_sheet.png").convert("RGB"))
    row = sheet[-100]  # through the pair
    left, right = row[6 : 6 + 128], row[6 + 128 : 6 + 256]
    assert left.std() > 10
    assert np.array_equal(left, right)
