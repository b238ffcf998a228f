"""Finished jobs on disk: pictures, thumbnails, settings to load again, favourites.

    history/<id>/job.json            when, what was asked for, what was drawn
    history/<id>/image_<i>.png       with how it was made in its text fields
    history/<id>/thumbnail_<i>.jpg
    history/<id>/picture.png, mask.png    what an edit began with
    history/<id>/favourite_<i>       an empty file: picture i is a favourite
    history/<id>/look_<i>_<what>.png what its words did, once somebody asked
    downloads/                       the newest archives

A job's directory is made beside its place and renamed, so that it is there whole or not at all. Ids
begin with the time; a directory is only ever found by an id of exactly that form.
"""

import json
import os
import re
import secrets
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import ValidationError

from minimagen.apps.requests import DrawRequest
from minimagen.checkpoint import replacing, sync_directory
from minimagen.errors import UsageError

FORMAT = 1
JOB = "job.json"
ID = re.compile(r"[0-9]{8}_[0-9]{6}_[0-9]{6}_[0-9a-f]{8}")
THUMBNAIL = 256  # longer side, in pixels
KEPT = 512  # job files remembered; they never change
MAX_ARCHIVED = 500  # pictures of one archive
ARCHIVES = 5  # kept
LOOKS = ("words", "tokens")  # in the order in which they are written; the last one always is
INPUTS = ("picture", "mask")  # of an edit; files of their own


class UnknownEntryError(UsageError):
    """An id or a picture that the history does not have."""


@dataclass(frozen=True)
class Shot:
    """One picture of the history.

    Args:
        entry: id of its job.
        index: its place among the job's pictures, from 0.
        caption: what it was drawn from.
        seed: with the number it fixes all draws.
        number: likewise.
        width: in pixels.
        height: likewise.
        path: of the PNG.
        thumbnail: of the small JPEG.
    """

    entry: str
    index: int
    caption: str
    seed: int
    number: int
    width: int
    height: int
    path: Path
    thumbnail: Path


@dataclass(frozen=True)
class Entry:
    """One finished job.

    Args:
        id: begins with the time, so that names sort as jobs were submitted.
        created: when it ended, ISO 8601, UTC.
        run: name of the run it was drawn with.
        seconds: how long it was drawn.
        settings: how each stage was sampled, for people and programs.
        shots: its pictures.
    """

    id: str
    created: str
    run: str
    seconds: float
    settings: Mapping[str, Any]
    shots: tuple[Shot, ...]


class History:
    """The jobs below an output directory; several threads may use it.

    Args:
        output: gets ``history`` and ``downloads``. What killed writers left half-made is swept.

    Raises:
        UsageError: when nothing can be made there.
    """

    def __init__(self, output: Path) -> None:
        self.output = output.resolve()
        self.root = self.output / "history"
        self.archives = self.output / "downloads"
        try:
            for directory in (self.root, self.archives):
                directory.mkdir(parents=True, exist_ok=True)
                for leftover in directory.glob("*.tmp-*"):
                    shutil.rmtree(leftover, ignore_errors=True)
        except OSError as error:
            raise UsageError(
                f"--OUTPUT {output}: no directory can be made there ({error.strerror})"
            ) from None
        self._read = lru_cache(maxsize=KEPT)(self._read_entry)

    def add(
        self,
        request: DrawRequest,
        pictures: Sequence[Image.Image],
        *,
        run: str,
        seconds: float,
        settings: Mapping[str, Any],
        job: str | None = None,
    ) -> Entry:
        """Keep a finished job.

        Args:
            request: what was asked for; its ``rows`` are the pictures'.
            pictures: what was drawn.
            run: name of the run it was drawn with.
            seconds: how long that took.
            settings: JSON; goes into the pictures' text fields too.
            job: what :func:`new_id` made when the job was submitted; None makes one now.

        Raises:
            OSError: when the disk is full or cannot be written; nothing is left behind.
        """
        made = new_id() if job is None else job
        building = self.root / f"{made}.tmp-{os.getpid()}"
        building.mkdir()
        try:
            shots = [
                _save(building, i, picture, caption, request.seed, number, settings)
                for i, ((caption, number), picture) in enumerate(
                    zip(request.rows(), pictures, strict=True)
                )
            ]
            record = {
                "format": FORMAT,
                "created": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "run": run,
                "seconds": round(seconds, 3),
                "settings": dict(settings),
                "shots": shots,
                "request": _without_pictures(request, building),
            }
            text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
            (building / JOB).write_text(text, encoding="utf-8")
            _flush(building)
            building.rename(self.root / made)
            sync_directory(self.root)
        finally:
            shutil.rmtree(building, ignore_errors=True)  # there only when something went wrong
        return self.entry(made)

    def ids(self) -> list[str]:
        """Return the ids of all jobs, newest first."""
        names = (path.name for path in self.root.iterdir())
        return sorted(filter(ID.fullmatch, names), reverse=True)

    def entries(self, limit: int = 50, before: str | None = None) -> list[Entry]:
        """Return jobs, newest first; damaged ones are left out.

        Args:
            limit: at most so many.
            before: only jobs older than the one of this id.
        """
        older = (one for one in self.ids() if before is None or one < before)
        found: list[Entry] = []
        for one in older:
            if len(found) == limit:
                break
            try:
                found.append(self._read(one))
            except UnknownEntryError:  # removed meanwhile, or damaged
                continue
        return found

    def entry(self, entry: str) -> Entry:
        """Return one job.

        Raises:
            UnknownEntryError: when there is none of this id.
        """
        self._directory(entry)
        return self._read(entry)

    def shot(self, entry: str, index: int) -> Shot:
        """Return one picture of a job.

        Raises:
            UnknownEntryError: when there is none.
        """
        shots = self.entry(entry).shots
        if not 0 <= index < len(shots):
            raise UnknownEntryError(f"{entry}: has no picture {index}, only {len(shots)} of them")
        return shots[index]

    def request(self, entry: str) -> DrawRequest:
        """Return what a job asked for, its edit's pictures included, ready to be drawn again.

        Raises:
            UnknownEntryError: when there is no such job, or it was made by a later version.
        """
        directory = self._directory(entry)
        plain = _read_job(directory)["request"]
        try:
            for name in INPUTS:
                if plain.get("edit") and name in plain["edit"]:
                    plain["edit"][name] = (directory / f"{name}.png").read_bytes()
            return DrawRequest.model_validate(plain)
        except (OSError, ValidationError):
            raise _damaged(entry) from None

    def favourite(self, entry: str, index: int, is_one: bool = True) -> None:
        """Make a picture a favourite, or none.

        Raises:
            UnknownEntryError: when there is no such picture.
        """
        mark = self.shot(entry, index).path.with_name(f"favourite_{index}")
        if is_one:
            mark.touch()
        else:
            mark.unlink(missing_ok=True)
        sync_directory(mark.parent)

    def is_favourite(self, shot: Shot) -> bool:
        """Whether a picture is a favourite."""
        return shot.path.with_name(f"favourite_{shot.index}").exists()

    def favourites(self, limit: int = 200) -> list[Shot]:
        """Return the favourites, newest first."""
        found: list[Shot] = []
        for directory in (self.root / one for one in self.ids()):
            if not any(directory.glob("favourite_*")):
                continue
            with suppress(UnknownEntryError):  # removed meanwhile, or damaged
                shots = self._read(directory.name).shots
                found += [shot for shot in shots if self.is_favourite(shot)]
            if len(found) >= limit:
                break
        return found[:limit]

    def keep_looks(self, shot: Shot, looks: Mapping[str, Image.Image]) -> None:
        """Keep sheets that show what the words of a picture did, by what they show.

        Raises:
            MinimagenError: when the disk is full or cannot be written.
        """
        for name, sheet in looks.items():
            with replacing(_look(shot, name), sheet.width * sheet.height) as building:
                sheet.save(building, "PNG")

    def looks(self, shot: Shot) -> dict[str, Path]:
        """Return the sheets of a picture; there are none until somebody looked at it."""
        found = {name: _look(shot, name) for name in LOOKS}
        there = {name: path for name, path in found.items() if path.is_file()}
        return there if LOOKS[-1] in there else {}  # else they are not all written yet

    def remove(self, entry: str) -> None:
        """Remove a job and its pictures.

        Raises:
            UnknownEntryError: when there is none of this id.
        """
        directory = self._directory(entry)
        doomed = directory.with_name(f"{entry}.tmp-{os.getpid()}")  # half-removed is a leftover
        directory.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
        self._read.cache_clear()

    def archive(self, selection: Sequence[tuple[str, int]]) -> Path:
        """Put pictures and their jobs' settings into a zip file; only the newest few are kept.

        Args:
            selection: ids of jobs, and places of pictures in them.

        Raises:
            UnknownEntryError: when one of them is not there.
            UsageError: for none, or too many.
        """
        chosen = list(dict.fromkeys(selection))
        if not 1 <= len(chosen) <= MAX_ARCHIVED:
            raise UsageError(f"{len(chosen)} pictures chosen; choose from 1 to {MAX_ARCHIVED}")
        shots = [self.shot(*one) for one in chosen]
        path = self.archives / f"pictures_{datetime.now(UTC):%Y%m%d_%H%M%S_%f}.zip"
        needed = sum(shot.path.stat().st_size for shot in shots)
        with (
            replacing(path, needed) as building,
            zipfile.ZipFile(building, "w", zipfile.ZIP_STORED) as file,  # PNGs are small already
        ):
            for shot in shots:
                file.write(shot.path, f"{shot.entry}/{shot.path.name}")
            for entry in dict.fromkeys(shot.entry for shot in shots):
                file.write(self.root / entry / JOB, f"{entry}/settings.json")
        for old in sorted(self.archives.glob("*.zip"), reverse=True)[ARCHIVES:]:
            old.unlink(missing_ok=True)
        return path

    def _directory(self, entry: str) -> Path:
        directory = self.root / entry
        if not ID.fullmatch(entry) or not directory.is_dir():
            shown = entry if ID.fullmatch(entry) else "that id"
            raise UnknownEntryError(f"{shown}: the history has no such job")
        return directory

    def _read_entry(self, entry: str) -> Entry:
        directory = self.root / entry
        job = _read_job(directory)
        try:
            shots = tuple(
                Shot(
                    entry=entry,
                    path=directory / f"image_{one['index']}.png",
                    thumbnail=directory / f"thumbnail_{one['index']}.jpg",
                    **one,
                )
                for one in job["shots"]
            )
            return Entry(entry, job["created"], job["run"], job["seconds"], job["settings"], shots)
        except (KeyError, TypeError):
            raise _damaged(entry) from None


def _look(shot: Shot, name: str) -> Path:
    return shot.path.with_name(f"look_{shot.index}_{name}.png")


def new_id() -> str:
    """Return the id of a job that is submitted now."""
    return f"{datetime.now(UTC):%Y%m%d_%H%M%S_%f}_{secrets.token_hex(4)}"


def _save(
    directory: Path,
    index: int,
    picture: Image.Image,
    caption: str,
    seed: int,
    number: int,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Write a picture and its thumbnail; returns what ``job.json`` says of it."""
    fields = PngInfo()
    fields.add_itxt("caption", caption)
    for name, value in {"seed": seed, "image": number, **settings}.items():
        fields.add_itxt(name, json.dumps(value, ensure_ascii=False))
    picture.save(directory / f"image_{index}.png", pnginfo=fields)
    small = picture.copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    small.save(directory / f"thumbnail_{index}.jpg", quality=85)
    return {
        "index": index,
        "caption": caption,
        "seed": seed,
        "number": number,
        "width": picture.width,
        "height": picture.height,
    }


def _without_pictures(request: DrawRequest, directory: Path) -> dict[str, Any]:
    """Return a request as JSON; the pictures of its edit become files."""
    edit = request.edit
    inputs = {name: getattr(edit, name) for name in INPUTS if hasattr(edit, name)}
    for name, content in inputs.items():
        (directory / f"{name}.png").write_bytes(content)
    plain = request.model_dump(mode="json", exclude={"edit": set(inputs)} if inputs else None)
    if inputs:
        plain["edit"].update({name: f"{name}.png" for name in inputs})
    return plain


def _flush(directory: Path) -> None:
    for path in directory.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    sync_directory(directory)


def _read_job(directory: Path) -> dict[str, Any]:
    try:
        job: dict[str, Any] = json.loads((directory / JOB).read_bytes())
        if job["format"] != FORMAT:
            raise _damaged(directory.name)
    except (OSError, ValueError, KeyError, TypeError):
        raise _damaged(directory.name) from None
    return job


def _damaged(entry: str) -> UnknownEntryError:
    return UnknownEntryError(f"{entry}: is damaged, or was made by a later version")
