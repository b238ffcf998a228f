"""``python -m minimagen inspect``: what is in a training directory, and whether it verifies."""

import argparse
import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from minimagen.cli.flags import Flag, parse_flags
from minimagen.cli.leaving import leave_well
from minimagen.cli.shared import in_bytes, named, run_flag
from minimagen.errors import CheckpointError, NoValidCheckpointError, UsageError

if TYPE_CHECKING:  # its imports cost seconds that --help need not wait for
    from minimagen.training.inspection import CheckpointReport, RunReport, StageReport
    from minimagen.training.sessions import Session

WIDTH = 100
FLAGS = (
    run_flag("what is looked at"),
    Flag("JSON", None, "how it is shown", "for programs, as one JSON object", switch=True),
)
EXAMPLES = """\
  python -m minimagen inspect training_20261121_101500
  python -m minimagen inspect training_20261121_101500 --json"""


def inspect(options: argparse.Namespace) -> None:
    """Print what is in a training directory.

    Raises:
        NoValidCheckpointError: when a stage was saved and no checkpoint verifies; after printing.
        CheckpointError: when this is no training directory, or it has no whole parameter files.
    """
    from minimagen.training.inspection import inspect_run

    if options.training_directory is None:
        raise UsageError("--TRAINING_DIRECTORY: missing; name the training_<TIMESTAMP> to look at")
    report = inspect_run(options.training_directory)
    if options.json:
        print(json.dumps(asdict(report), indent=2))
    else:
        print("\n".join(shown(report)))
    lost = [f"stage {stage.index}" for stage in report.stages if stage.is_lost]
    if lost:
        raise NoValidCheckpointError(
            f"{report.path}: no checkpoint of {', '.join(lost)} verifies; "
            "bring one back from a copy, or start a new run"
        )
    if report.complaints:
        raise CheckpointError(
            f"{report.path}: cannot be continued before its damaged files are mended"
        )


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen inspect", "Show what a training directory holds."
    return leave_well(
        prog, lambda: inspect(parse_flags(prog, about, FLAGS, EXAMPLES, named(argv, FLAGS)))
    )


def shown(report: "RunReport") -> Iterator[str]:
    """Lay a report out in lines of at most 100 characters."""
    yield report.path
    yield from _pairs(_about_the_run(report))
    yield from _table(_STAGE_HEADINGS, [_stage_row(stage) for stage in report.stages])
    yield from _table(_FILE_HEADINGS, [row for stage in report.stages for row in _file_rows(stage)])
    yield from _table(_SESSION_HEADINGS, [_session_row(session) for session in report.sessions])
    yield ""
    for sentence in _verdict(report):
        yield from textwrap.wrap(sentence, WIDTH, subsequent_indent="  ")


def _about_the_run(report: "RunReport") -> dict[str, str]:
    images = report.training_images
    trained = "" if images is None else f", {images:,} to train on"
    rejected = [f"{reason} ({count:,})" for reason, count in report.rejected.items()]
    sizes = [f"{name} {in_bytes(size)}" for name, size in report.sizes.items() if size]
    return {
        "data": f"{report.dataset or 'not known'}{trained}",
        "text encoder": report.text_encoder or "none",
        "rejected": ", ".join(rejected) or "nothing",
        "on disk": f"{in_bytes(sum(report.sizes.values()))}: {', '.join(sizes)}",
        "last line": report.last_line or "none",
        **(_about_the_session(report.sessions[-1]) if report.sessions else {}),
    }


def _about_the_session(session: "Session") -> dict[str, str]:
    versions = [f"{name} {number}" for name, number in session.versions.items()]
    commit = "" if session.commit is None else f", commit {session.commit}"
    return {"command": session.command, "software": ", ".join(versions) + commit}


_STAGE_HEADINGS = ("stage", "size", "parameters", "steps", "best loss", "skipped", "held by")


def _stage_row(stage: "StageReport") -> tuple[str, ...]:
    return (
        str(stage.index),
        "?" if stage.size is None else f"{stage.size} px",
        "-" if stage.parameters is None else f"{stage.parameters:,}",
        f"{stage.step:,} of {'?' if stage.steps is None else f'{stage.steps:,}'}",
        "-" if stage.best_loss is None else f"{stage.best_loss:.5f}",
        "-" if stage.skipped is None else f"{stage.skipped:,}",
        _holder(stage),
    )


def _holder(stage: "StageReport") -> str:
    holder = stage.holder
    if holder is None or holder.is_alive is False:
        return "nobody"
    where = f"pid {holder.pid} on {holder.host}"
    return where if holder.is_alive else f"last by {where}, not seen from here"


_FILE_HEADINGS = ("stage", "what", "on disk", "is")


def _file_rows(stage: "StageReport") -> Iterator[tuple[str, ...]]:
    where = str(stage.index)
    for saved in stage.checkpoints:
        yield where, f"checkpoint of step {saved.step:,}", in_bytes(saved.size), _is(saved)
    for file in stage.weights:
        belongs = {True: "of the newest good checkpoint", False: "of another step", None: "whole"}
        said = file.complaint or belongs[file.is_newest]
        yield where, f"{file.kind} weights", in_bytes(file.size), said
    for leftover in stage.leftovers:
        yield where, "unfinished", "", leftover


_SESSION_HEADINGS = ("session", "ended", "where", "how it ended")


def _session_row(session: "Session") -> tuple[str, ...]:
    threads = f"{session.threads} thread{'s' if session.threads != 1 else ''}"
    return (
        _moment(session.started),
        "-" if session.ended is None else _moment(session.ended),
        f"{session.host}, {session.device}, {threads}",
        session.outcome or "goes on, or was killed",
    )


def _moment(iso: str) -> str:
    """Show a time, UTC, as people read it."""
    return iso.replace("T", " ").removesuffix("+00:00")


def _is(saved: "CheckpointReport") -> str:
    return "verifies" if saved.complaint is None else "damaged"


def _verdict(report: "RunReport") -> Iterator[str]:
    """Say in plain sentences whether the run can go on, and what is wrong with it."""
    yield from report.complaints
    for stage in report.stages:
        damaged = [c.complaint for c in stage.checkpoints if c.complaint is not None]
        yield from damaged
        if damaged and not stage.is_lost:
            yield f"stage {stage.index}: goes on from step {stage.step:,}, its newest good one"
    saved = [c for stage in report.stages for c in stage.checkpoints]
    if any(stage.is_lost for stage in report.stages):
        return
    if not saved:
        yield "No checkpoint is there yet: continuing starts at step 0."
    elif not any(checkpoint.complaint for checkpoint in saved):
        yield "Every checkpoint verifies."


# Laying out


def _pairs(pairs: dict[str, str]) -> Iterator[str]:
    """Show names and values in two columns, long values on several lines."""
    indent = 2 + max(map(len, pairs)) + 2
    for name, value in pairs.items():
        first = f"  {name}".ljust(indent)
        yield from textwrap.wrap(value, WIDTH, initial_indent=first, subsequent_indent=" " * indent)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Align columns below an empty line; lines that would be too wide are cut."""
    if not rows:
        return
    yield ""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()[:WIDTH]
