"""A preparation from beginning to end: look at everything, judge, write, report.

Each half is continued where a killed process left it, and neither knows how many processes work.
"""

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from minimagen.checkpoint import write_bytes, write_text
from minimagen.config import to_plain
from minimagen.data.items import RejectedItem, Rejection, Source
from minimagen.data.sources import DataConfig, open_source
from minimagen.errors import DataError, UsageError
from minimagen.preparation.blocks import LAYOUTS, Limits, numbered
from minimagen.preparation.encoding import Make, Order, as_json
from minimagen.preparation.judging import Judgement, judge
from minimagen.preparation.looks import Look, Looks
from minimagen.preparation.originals import Originals
from minimagen.preparation.parallel import in_order
from minimagen.preparation.report import Report, captions_of, sizes_of
from minimagen.preparation.settings import Preparation
from minimagen.preparation.sheet import CELL, contact_sheet
from minimagen.preparation.workshop import REPORT, Plan, Workshop, first_difference

FORMAT = 1  # of a preparation's files; a change here refuses what another version began
LOOKED_AT_ONCE, MADE_AT_ONCE = 64, 8  # items in a worker's task

T = TypeVar("T")
Progress = Callable[[Iterable[T], str, int, int], Iterable[T]]


@dataclass(frozen=True)
class Job:
    """One preparation, opened.

    Args:
        settings: what is asked for.
        source: the items.
        rejected: what could not be opened at all.
        workshop: where it is built.
        workers: how many processes work; 0 works here.
    """

    settings: Preparation
    source: Source
    rejected: list[Rejection]
    workshop: Workshop
    workers: int

    @cached_property
    def originals(self) -> Originals:
        """The items' originals."""
        return Originals(self.source, self.settings.size)

    def plan(self) -> Plan:
        """Say what makes the result what it is."""
        settings = to_plain(self.settings)
        return {"format": FORMAT, "fingerprint": self.source.fingerprint, "settings": settings}


def prepare(settings: Preparation, out: Path, *, workers: int, progress: Progress[Any]) -> Report:
    """Prepare a data set; a preparation that is complete already is only reported.

    Args:
        settings: what is asked for.
        out: directory that appears when everything is in it.
        workers: how many processes work; 0 works here. The result is the same.
        progress: wraps an iterable to show how far it is, given a title, and how many items are
            behind and ahead of it.

    Raises:
        DataError: when nothing is left, or the data has changed since this was begun.
        LockedError: when another process prepares the same.
        TrainingError: when the disk is full or a worker dies; what is done stays.
        UsageError: when ``out`` holds something else.
    """
    require_apart(settings.dataset, out)
    job = _open(settings, out, workers)
    done = _finished(job)
    if done is not None:
        job.workshop.remove()
        return done
    with job.workshop.opened(job.plan()):
        _look(job, progress)
        looks = job.workshop.looks()
        judgement = judge(looks, _captions(job), settings)
        _require_some(job, judgement)
        _write(job, looks, judgement, progress)
        report = _report(job, looks, judgement)
        _leave(job, judgement, report)
        job.workshop.finish()
    job.workshop.remove()
    return report


def require_apart(dataset: str, out: Path) -> None:
    """Refuse a result inside its own source.

    Raises:
        UsageError: when it is.
    """
    root = Path(dataset).expanduser()
    if root.is_dir() and out.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{out}: lies inside {dataset}; name a directory outside of it")


def _open(settings: Preparation, out: Path, workers: int) -> Job:
    config = DataConfig(dataset=settings.dataset, limit=settings.limit, max_rejected=1.0)
    source, rejected = open_source(config, check_size=settings.size or 64)
    job = Job(settings, source, rejected, Workshop(out), workers)
    if job.originals.drawn and settings.size is None:
        raise UsageError(f"--SIZE: missing; {settings.dataset} is drawn at any size, so give one")
    return job


def _finished(job: Job) -> Report | None:
    """Return the report of a result that is complete, and refuse anything else in its place."""
    out = job.workshop.out
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        report: Report = json.loads((out / REPORT).read_bytes())
        plan = {key: report[key] for key in job.plan()}
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{out}: exists and is no preparation; name another directory") from None
    if plan != job.plan():
        raise UsageError(
            f"{out}: holds another preparation, {first_difference(plan, job.plan())}; "
            "name another directory, or remove this one"
        )
    return report


# Looking


def _look(job: Job, progress: Progress[Any]) -> None:
    """Decode whatever is not noted yet, a piece at a time."""
    noted, total = set(job.workshop.looked_at()), len(job.source)
    pieces = [range(i, min(i + LOOKED_AT_ONCE, total)) for i in range(0, total, LOOKED_AT_ONCE)]
    left = [piece for piece in pieces if piece.start not in noted]
    ahead = sum(map(len, left))
    looked = in_order(Look(job.originals), left, job.workers if left else 0)
    for _ in progress(_noted(job.workshop, looked), "looking", total - ahead, ahead):
        pass


def _noted(workshop: Workshop, looked: Iterable[tuple[range, bytes]]) -> Iterator[int]:
    for piece, records in looked:
        workshop.note(piece.start, records)
        yield from piece


def _captions(job: Job) -> list[tuple[str, ...]]:
    return [job.originals.captions(index) for index in range(len(job.source))]


def _require_some(job: Job, judgement: Judgement) -> None:
    if not judgement.kept:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in _reasons(job, judgement))
        raise DataError(
            f"{job.settings.dataset}: nothing is left: {reasons}; ask for less, and remove "
            f"{job.workshop.path}"
        )


# Writing


def _write(job: Job, looks: Looks, judgement: Judgement, progress: Progress[Any]) -> None:
    """Make the samples that are in no finished block yet, and fill blocks with them."""
    settings, records = job.settings, job.workshop.records()
    behind, total = sum(map(len, records)), len(judgement.kept)
    orders = [
        Order(number, index, looks["file"][index].decode(), judgement.captions[index])
        for number, index in enumerate(judgement.kept)
        if number >= behind
    ]
    tasks = [orders[i : i + MADE_AT_ONCE] for i in range(0, len(orders), MADE_AT_ONCE)]
    made = in_order(Make(job.originals, settings), tasks, job.workers if tasks else 0)
    samples = (sample for _, some in made for sample in some)
    blocks = LAYOUTS[settings.layout]
    limits = Limits(settings.block_samples, int(settings.block_mb * 1e6))
    shown = progress(samples, "writing", behind, total - behind)
    job.workshop.fill(blocks, numbered(shown, blocks, limits, first=len(records)))


def _leave(job: Job, judgement: Judgement, report: Report) -> None:
    """Write what stands beside the samples."""
    result, lines = job.workshop.result, job.workshop.records()
    if job.settings.layout == "folder":
        write_bytes(result / "metadata.jsonl", b"".join(line for own in lines for line in own))
    write_bytes(result / "rejected.jsonl", b"".join(_rejections(job, judgement)))
    sheet = contact_sheet(judgement, _thumbnails(job), job.source.name)
    file = io.BytesIO()
    sheet.save(file, "PNG")
    write_bytes(result / "contact_sheet.png", file.getvalue())
    write_text(result / REPORT, json.dumps(report, indent=2) + "\n")


def _rejections(job: Job, judgement: Judgement) -> Iterator[bytes]:
    for rejection in job.rejected:
        yield as_json({"file_name": rejection.file_name, "reason": rejection.reason})
    name = job.source.name
    for index in sorted(judgement.reasons):
        line = {"file_name": name(index), "reason": judgement.reasons[index]}
        twin = judgement.twins.get(index)
        yield as_json(line if twin is None else {**line, "duplicate_of": name(twin)})


def _thumbnails(job: Job) -> Callable[[int], Image.Image]:
    def picture(index: int) -> Image.Image:
        try:
            return Image.fromarray(job.source.picture(index, CELL))
        except RejectedItem as rejected:
            raise DataError(f"{job.source.name(index)}: {rejected}; bring it back") from None

    return picture


# Reporting


def _report(job: Job, looks: Looks, judgement: Judgement) -> Report:
    kept = looks[np.array(judgement.kept)]
    captions = [text for index in judgement.kept for text in judgement.captions[index]]
    return {
        **job.plan(),
        "found": len(job.source) + len(job.rejected),
        "kept": len(judgement.kept),
        "rejected": dict(_reasons(job, judgement)),
        "pictures": sizes_of(kept["width"], kept["height"]),
        "captions": captions_of(captions),
        "written": _written(job),
    }


def _reasons(job: Job, judgement: Judgement) -> Sequence[tuple[str, int]]:
    """Count reasons, the most frequent first, equals by letter."""
    counts = Counter(rejection.reason for rejection in job.rejected)
    counts.update(judgement.reasons.values())
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _written(job: Job) -> dict[str, Any]:
    records, blocks = job.workshop.records(), LAYOUTS[job.settings.layout]
    paths = [job.workshop.result / blocks.name(number) for number in range(len(records))]
    layout = {"shards": "shards", "folder": "subfolders"}[job.settings.layout]
    return {
        "samples": sum(map(len, records)),
        "blocks": len(records),
        "layout": layout,
        "bytes": sum(_bytes_of(path) for path in paths),
    }


def _bytes_of(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)
