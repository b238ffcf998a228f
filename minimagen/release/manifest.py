"""``RELEASE.json``: what a released directory consists of, how it was made, how good it is."""

from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from minimagen.checkpoint import FileRecord, record_of, sha256_of, verify_file
from minimagen.config import config, parse
from minimagen.errors import CheckpointError, ConfigError
from minimagen.packing import Dtype

FILE = "RELEASE.json"
READ = ("parameters", "state_dicts")  # the directories that loading reads
SHORT = 12  # hexadecimal digits that people see of an identity
Inside = Annotated[str, StringConstraints(pattern=r"^(parameters|state_dicts)/\w[\w.-]*$")]


@config
class Measured:
    """A share of pictures that show what was asked for.

    Args:
        what: was judged, as ``one thing``.
        share: of them that are right, in [0, 1].
        low: end of the 95 % interval.
        high: likewise.
        count: pictures.
        guessed: share that would be right for another picture's caption; None is not measured.
        size: side of the pictures that were judged, in pixels.
    """

    what: str
    share: float
    low: float
    high: float
    count: int
    guessed: float | None = None
    size: int


@config
class Provenance:
    """How it was made.

    Args:
        command: as it was called, without this machine's paths.
        seed: of the training.
        steps: optimizer steps of each stage.
        seconds: that the training took in all, on the wall.
        processor: of the machine; empty when that is not known.
        device: what networks ran on.
        threads: that torch computed with.
        versions: of python and of the packages that decide results.
        commit: of the checkout; None for an installed package.
        finished: UTC, ISO 8601.
    """

    command: str
    seed: int
    steps: tuple[int, ...]
    seconds: float | None
    processor: str = ""
    device: str = ""
    threads: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    commit: str | None = None
    finished: str | None = None


@config
class About:
    """What whoever gets it wants to know.

    Args:
        name: what it is called.
        text: what it is, in a sentence or more.
        licence: as the Hub spells it, such as ``mit`` or ``cc-by-4.0``.
        data: what it was trained on.
        captions: on its sheet of samples.
        provenance: None for a cascade that no run made.
        measured: how often it is right.
    """

    name: str = "minimagen cascade"
    text: str = ""
    licence: str = "mit"
    data: str = ""
    captions: tuple[str, ...] = ()
    provenance: Provenance | None = None
    measured: tuple[Measured, ...] = ()


@config
class Release:
    """The whole of ``RELEASE.json``.

    Args:
        format: of this file.
        dtype: how weights are stored.
        sizes: sides of the stages' square pictures, in pixels.
        text_encoder: as its parameter files call it; None is an unconditional cascade.
        about: for people.
        files: everything that loading reads, by its place.
    """

    format: Literal[1] = 1
    dtype: Dtype
    sizes: tuple[int, ...]
    text_encoder: str | None
    about: About
    files: Annotated[dict[Inside, FileRecord], Field(min_length=1)]

    @property
    def size(self) -> int:
        """Bytes of all that loading reads."""
        return sum(record.size for record in self.files.values())


def is_release(directory: Path) -> bool:
    """Whether a directory is a released one; a training directory is none."""
    return (directory / FILE).is_file()


def read_release(directory: Path) -> Release:
    """Read what a release says of itself; its other files are not looked at.

    Raises:
        CheckpointError: when it is none, or its ``RELEASE.json`` is damaged.
    """
    path = directory / FILE
    try:
        return parse(Release, path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError):
        raise CheckpointError(
            f"{directory}: no released cascade, it has no readable {FILE}; "
            "make one with python -m minimagen release"
        ) from None
    except ConfigError as error:
        raise CheckpointError(f"{error}; the release is damaged, bring it again") from None


def release_id(directory: Path) -> str:
    """Return what identifies a release and everything that loading reads: 64 hexadecimal digits.

    It is the SHA-256 of ``RELEASE.json``, which holds those of the files.
    """
    try:
        return sha256_of(directory / FILE)
    except OSError as error:
        raise CheckpointError(f"{directory / FILE}: cannot be read ({error.strerror})") from None


def titled(directory: Path) -> str:
    """Name a release in a few words, for people: what it is called, and which it is."""
    return f"{read_release(directory).about.name!r} ({release_id(directory)[:SHORT]})"


def verify(directory: Path) -> Release:
    """Check every file that loading reads, and return what the release says of itself.

    Raises:
        CheckpointError: naming the first that is missing, changed, or was not there.
    """
    release = read_release(directory)
    for place, record in sorted(release.files.items()):
        try:
            verify_file(directory / place, record)
        except CheckpointError as error:
            raise CheckpointError(f"{error}; bring the release again") from None
    for path in _found(directory):
        if path.relative_to(directory).as_posix() not in release.files:
            raise CheckpointError(f"{path}: is no part of this release; remove it")
    return release


def records(directory: Path) -> dict[str, FileRecord]:
    """Hash every file that loading reads."""
    return {path.relative_to(directory).as_posix(): record_of(path) for path in _found(directory)}


def _found(directory: Path) -> Iterator[Path]:
    for name in READ:
        yield from sorted(path for path in (directory / name).rglob("*") if not path.is_dir())
