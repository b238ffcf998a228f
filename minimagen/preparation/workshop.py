"""Where a preparation is built: beside its result, in steps that each appear whole.

``OUT.preparing/`` holds what was asked for (``plan.json``), what was noted of the pictures
(``looks/``), what is in each finished block (``blocks/``) and the result so far. Killed at any
moment, it is continued from there. The result is renamed to ``OUT`` when it is complete.
"""

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from minimagen.checkpoint import replacing, sweep, sync_directory, write_bytes, write_text
from minimagen.errors import UsageError
from minimagen.locking import stage_lock
from minimagen.preparation.blocks import Blocks
from minimagen.preparation.encoding import Sample, as_json
from minimagen.preparation.looks import RECORD, Looks, unpack

Plan = dict[str, Any]
REPORT = "report.json"


@dataclass(frozen=True)
class Workshop:
    """The directory ``OUT.preparing`` of one preparation.

    Args:
        out: where the result will be.
    """

    out: Path

    @property
    def path(self) -> Path:
        """The directory itself."""
        return self.out.with_name(f"{self.out.name}.preparing")

    @property
    def result(self) -> Path:
        """What will become of ``out``."""
        return self.path / "result"

    # Beginning and ending

    @contextmanager
    def opened(self, plan: Plan) -> Iterator[None]:
        """Hold the directory for one process, begun now or before.

        Raises:
            LockedError: when another process works here.
            UsageError: when something else was begun here.
        """
        with stage_lock(self.path):
            self._require_plan(plan)
            self.result.mkdir(exist_ok=True)
            for folder in ("", "looks", "blocks", "result", "result/pictures"):
                sweep(self.path / folder)
            yield

    def finish(self) -> None:
        """Give the result its name, and leave nothing else behind.

        Raises:
            UsageError: when something has appeared there.
        """
        try:
            if self.out.exists():
                self.out.rmdir()  # an empty one may stand there
            self.result.rename(self.out)
            sync_directory(self.out.parent)
        except OSError as error:
            raise UsageError(
                f"{self.out}: cannot be put there ({error.strerror}); "
                f"move {self.result} yourself, it is complete"
            ) from None

    def remove(self) -> None:
        """Remove the directory, if it is there; the result is elsewhere by now."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _require_plan(self, plan: Plan) -> None:
        path = self.path / "plan.json"
        if not path.exists():
            write_text(path, json.dumps(plan, indent=2) + "\n")
            return
        begun = json.loads(path.read_bytes())
        if begun != plan:
            raise UsageError(
                f"{self.path}: holds something else that was begun, {first_difference(begun, plan)}"
                "; give what was given then, or remove that directory and start again"
            )

    # What was noted of the pictures

    def looked_at(self) -> list[int]:
        """Return where the noted pieces begin, in items of the source."""
        return self._numbers("looks", "npy")

    def note(self, first: int, records: bytes) -> None:
        """Keep the records of consecutive items from ``first`` on."""
        write_bytes(self.path / "looks" / f"{first:09d}.npy", records)

    def looks(self) -> Looks:
        """Read all records; (N,)."""
        pieces = [self.path / "looks" / f"{first:09d}.npy" for first in self.looked_at()]
        return np.concatenate([np.zeros(0, RECORD), *(unpack(p.read_bytes()) for p in pieces)])

    # The result

    def records(self) -> list[list[bytes]]:
        """Return, for each finished block, a line of JSON for each of its samples."""
        paths = [self._record_of(number) for number in self._numbers("blocks", "jsonl")]
        return [path.read_bytes().splitlines(keepends=True) for path in paths]

    def fill(self, blocks: Blocks, samples: Iterable[tuple[int, Sample]]) -> None:
        """Write blocks one after the other.

        Args:
            blocks: how they are laid out.
            samples: each with the number of its block.

        Raises:
            TrainingError: when the disk is full; finished blocks stay.
        """
        for number, group in groupby(samples, lambda numbered: numbered[0]):
            name = blocks.name(number)
            path = self.result / name
            _remove(path)  # complete, but its record was not: it will have the same bytes
            lines: list[bytes] = []
            with replacing(path, 0) as building:
                blocks.write(building, _recorded((sample for _, sample in group), name, lines))
            write_bytes(self._record_of(number), b"".join(lines))

    def _record_of(self, block: int) -> Path:
        return self.path / "blocks" / f"{block:05d}.jsonl"

    def _numbers(self, folder: str, suffix: str) -> list[int]:
        found = (re.fullmatch(rf"(\d+)\.{suffix}", p.name) for p in self._listed(folder))
        return sorted(int(match[1]) for match in found if match)

    def _listed(self, folder: str) -> list[Path]:
        path = self.path / folder
        return list(path.iterdir()) if path.is_dir() else []


def first_difference(begun: Plan, plan: Plan) -> str:
    """Name the first thing that differs between two plans."""
    for key in sorted(begun.keys() | plan.keys()):
        before, now = begun.get(key), plan.get(key)
        if before != now and isinstance(before, dict) and isinstance(now, dict):
            return first_difference(before, now)
        if before != now and key == "fingerprint":
            return "and the data has changed since"
        if before != now:
            return f"with {key} {before}, not {now}"
    return "with other settings"


def _recorded(samples: Iterable[Sample], block: str, lines: list[bytes]) -> Iterator[Sample]:
    """Pass samples on, and note a line of JSON for each."""
    for sample in samples:
        file_name = f"{block}/{sample.key}.{sample.suffix}"
        lines.append(as_json({"file_name": file_name, **sample.about()}))
        yield sample


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
