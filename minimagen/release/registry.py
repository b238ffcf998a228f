"""Releases kept under names and tags in a folder: which there are, and which is used.

    models/NAME/<id>/        a release, never changed; its name begins its identity
    models/NAME/tags.json    what tags mean, and what has been promoted, the newest last

NAME:TAG is what was tagged so, and NAME what was promoted last. Nothing is ever removed, so that
every promotion can be rolled back.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints

from minimagen.checkpoint import write_text
from minimagen.config import config, dump, parse, read_json
from minimagen.errors import CheckpointError, UsageError
from minimagen.locking import in_turn
from minimagen.release.manifest import SHORT, Release, is_release, read_release, release_id, verify
from minimagen.release.writing import copy_release

VARIABLE = "MINIMAGEN_MODELS"
FILE, LOCK = "tags.json", "tags.lock"
WORD = re.compile(r"[A-Za-z0-9][\w.-]{0,63}", re.ASCII)
TAKEN = ("bundled", "hf")  # words that mean something else

ShortId = Annotated[str, StringConstraints(pattern=rf"^[0-9a-f]{{{SHORT}}}$")]
Tag = Annotated[str, StringConstraints(pattern=rf"^{WORD.pattern}$")]


@config
class Tags:
    """``tags.json`` of one name.

    Args:
        tags: the short identity that each means.
        promoted: short identities, the newest last.
    """

    tags: dict[Tag, ShortId] = field(default_factory=dict)
    promoted: tuple[ShortId, ...] = ()


@dataclass(frozen=True)
class Version:
    """A release in the registry.

    Args:
        name: that it is kept under.
        id: the beginning of its identity.
        path: where it lies.
        tags: that mean it.
        is_promoted: whether the name alone means it.
        release: what it says of itself; None when it is damaged.
        complaint: what is wrong with it; None when it verifies.
    """

    name: str
    id: str
    path: Path
    tags: tuple[str, ...]
    is_promoted: bool
    release: Release | None
    complaint: str | None


class Registry:
    """A folder of releases.

    Args:
        root: the folder; it need not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def here(cls) -> "Registry":
        """Return ``$MINIMAGEN_MODELS``, else ``models`` in the working directory."""
        return cls(Path(os.environ.get(VARIABLE) or "models").expanduser())

    @property
    def names(self) -> list[str]:
        """All names, in order."""
        return sorted(path.parent.name for path in self.root.glob(f"*/{FILE}"))

    def find(self, word: str) -> Path:
        """Return where NAME or NAME:TAG lies.

        Raises:
            CheckpointError: when there is none, saying which there are.
        """
        name, tag = split(word)
        tags = self._tags(name)
        if tag is None:
            if not tags.promoted:
                raise CheckpointError(
                    f"{name}: nothing of it is promoted; name a tag as {name}:TAG"
                )
            return self._path(name, tags.promoted[-1])
        if tag not in tags.tags:
            known = ", ".join(tags.tags) or "none"
            raise CheckpointError(f"{word}: {name} has no such tag; its tags are {known}")
        return self._path(name, tags.tags[tag])

    def versions(self) -> Iterator[Version]:
        """Go through everything that is kept, name by name, the newest tag last; verifies it."""
        for name in self.names:
            tags = self._tags(name)
            meant = [*dict.fromkeys((*tags.tags.values(), *tags.promoted))]
            for short in meant:
                yield self._version(name, short, tags)

    def tag(self, source: Path, word: str) -> Path:
        """Keep a release under NAME:TAG; the first one of a name is promoted at once.

        A tag that is there already means this release from now on.

        Args:
            source: a released directory, here or anywhere.
            word: NAME:TAG.

        Returns:
            Where it is kept.

        Raises:
            UsageError: for a word that is none.
            CheckpointError: when the release does not verify.
        """
        name, tag = split(word)
        if tag is None:
            raise UsageError(f"{word}: give a name and a tag, as {word}:v1")
        verify(source)
        short = release_id(source)[:SHORT]
        place = self.root / name / short
        copy_release(source, place)
        with in_turn(self.root / name / LOCK):
            tags = self._tags(name) if (self.root / name / FILE).is_file() else Tags()
            self._write(
                name,
                replace(tags, tags=tags.tags | {tag: short}, promoted=tags.promoted or (short,)),
            )
        return place

    def promote(self, word: str) -> Path:
        """Let NAME mean what NAME:TAG means.

        Raises:
            UsageError: for a word that is none.
            CheckpointError: when there is no such release, or it does not verify.
        """
        name, tag = split(word)
        if tag is None:
            raise UsageError(f"{word}: say which to promote, as {word}:TAG")
        place = self.find(word)
        verify(place)
        with in_turn(self.root / name / LOCK):
            tags = self._tags(name)
            if tags.promoted[-1:] != (place.name,):
                self._write(name, replace(tags, promoted=(*tags.promoted, place.name)))
        return place

    def roll_back(self, name: str) -> Path:
        """Let NAME mean what it meant before the last promotion.

        Raises:
            UsageError: for a word that is none, or when nothing was promoted before.
            CheckpointError: when what it meant does not verify.
        """
        own, tag = split(name)
        if tag is not None:
            raise UsageError(f"{name}: give the name alone, {own}; it goes back by one promotion")
        with in_turn(self.root / self._known(own) / LOCK):
            tags = self._tags(own)
            if len(tags.promoted) < 2:
                raise UsageError(f"{own}: nothing else was promoted before; promote a tag instead")
            before = self._path(own, tags.promoted[-2])
            verify(before)
            self._write(own, replace(tags, promoted=tags.promoted[:-1]))
        return before

    def _version(self, name: str, short: str, tags: Tags) -> Version:
        path, complaint, release = self.root / name / short, None, None
        try:
            release = read_release(path)
            verify(path)
            _require_id(path)
        except CheckpointError as error:
            complaint = str(error)
        meaning = tuple(tag for tag, meant in tags.tags.items() if meant == short)
        promoted = tags.promoted[-1:] == (short,)
        return Version(name, short, path, meaning, promoted, release, complaint)

    def _path(self, name: str, short: str) -> Path:
        path = self.root / name / short
        if not is_release(path):
            raise CheckpointError(f"{path}: is gone; tag its release again")
        _require_id(path)
        return path

    def _tags(self, name: str) -> Tags:
        path = self.root / self._known(name) / FILE
        return parse(Tags, read_json(path), str(path))

    def _known(self, name: str) -> str:
        if not (self.root / name / FILE).is_file():
            known = ", ".join(self.names)
            there = f"it has {known}" if known else "it is empty"
            raise CheckpointError(f"{name}: no model of this name in {self.root}, {there}")
        return name

    def _write(self, name: str, tags: Tags) -> None:
        write_text(self.root / name / FILE, dump(tags))


def split(word: str) -> tuple[str, str | None]:
    """Split NAME:TAG, or NAME, whose tag is None.

    Raises:
        UsageError: for a word that is neither.
    """
    name, colon, tag = word.partition(":")
    for part in (name, tag) if colon else (name,):
        if not WORD.fullmatch(part):
            raise UsageError(
                f"{word}: no NAME or NAME:TAG; give letters, digits, . - and _, at most 64 of each"
            )
    if name in TAKEN:
        raise UsageError(f"{word}: {name} means something else here; choose another name")
    return name, tag if colon else None


def _require_id(path: Path) -> None:
    if release_id(path)[: len(path.name)] != path.name:
        raise CheckpointError(
            f"{path}: is not the release that was put there; tag its release again"
        )
