"""``python -m minimagen prepare``: check, deduplicate, resize and pack a data set, once."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from minimagen.cli.flags import Flag, choice, directory, parse_flags, real, whole
from minimagen.cli.leaving import leave_well
from minimagen.cli.shared import GROUP
from minimagen.errors import UsageError

if TYPE_CHECKING:  # its imports cost seconds that --help need not wait for
    from minimagen.preparation.settings import Preparation

T = TypeVar("T")
WHAT, WHICH, ALIKE, WRITTEN = "what", "what is kept", "duplicates", "what is written"
FLAGS = (
    Flag("DATASET", "-ds", WHAT, "what to prepare, as for train.py; or the first word alone"),
    Flag("OUTPUT", "-o", WHAT, "directory that is made; or the second word alone", directory),
    Flag("LIMIT", None, WHAT, "take only the first so many items; default: all", whole(1)),
    Flag(
        "MIN_SIDE",
        None,
        WHICH,
        "least shorter side of an original, pixels; default: 1",
        whole(1),
    ),
    Flag(
        "MAX_ASPECT",
        None,
        WHICH,
        "most of longer over shorter side, as 2.5; default: any",
        real(1, 10_000),
    ),
    Flag("MIN_WORDS", None, WHICH, "fewest words of a caption; default: 0", whole(0)),
    Flag("MAX_WORDS", None, WHICH, "most words of a caption; default: any", whole(1)),
    Flag(
        "EMPTY_CAPTIONS",
        None,
        WHICH,
        "keep or drop pictures without a caption; kept ones train as null text; default: keep",
        choice("keep", "drop"),
    ),
    Flag(
        "DUPLICATES",
        None,
        ALIKE,
        "which are left out: near (look alike), exact (every pixel) or none; default: near",
        choice("near", "exact", "none"),
    ),
    Flag(
        "NEAR_BITS",
        None,
        ALIKE,
        "how many of 64 bits of the perceptual hash may differ, 0 to 16; default: 4",
        whole(0, 16),
    ),
    Flag(
        "KEEP",
        None,
        ALIKE,
        "which one stays, the largest or the first; default: largest",
        choice("largest", "first"),
    ),
    Flag(
        "JOIN_CAPTIONS",
        None,
        ALIKE,
        "give it the captions of those left out too, as a list",
        switch=True,
    ),
    Flag(
        "SIZE",
        "-s",
        WRITTEN,
        "shorter side in pixels; smaller pictures stay as they are; default: no resizing",
        whole(4, 8192),
    ),
    Flag("FORMAT", None, WRITTEN, "jpg, png or webp; default: jpg", choice("jpg", "png", "webp")),
    Flag(
        "QUALITY",
        None,
        WRITTEN,
        "of jpg and webp, 1 to 100; 100 makes webp lossless; default: 95",
        whole(1, 100),
    ),
    Flag(
        "LAYOUT",
        None,
        WRITTEN,
        "shards (WebDataset tar files) or folder (with metadata.jsonl); default: shards",
        choice("shards", "folder"),
    ),
    Flag("BLOCK_SAMPLES", None, WRITTEN, "most samples of a shard; default: 10000", whole(1)),
    Flag(
        "BLOCK_MB", None, WRITTEN, "most megabytes of a shard; default: 1000", real(0, above=True)
    ),
    Flag("NUM_WORKERS", "-n", GROUP, "processes that work; default: 0, work here", whole(0, 1024)),
)
EXAMPLES = """\
  python -m minimagen prepare my_pictures my_shards --size 512 -n 8
  python -m minimagen prepare my_pictures clean --layout folder --format png --min-side 256

Started again it goes on where it was stopped. OUT.preparing holds what is done so far; OUT appears
when everything is in it, with report.json, rejected.jsonl and contact_sheet.png.
Exit codes: 0 done, also before; 1 failed, as on a full disk; 2 wrong use or wrong files; 4 another
process prepares the same; 130 Ctrl-C."""


def prepare(options: argparse.Namespace) -> None:
    """Prepare a data set and print what came of it.

    Raises:
        MinimagenError: when that is impossible; what is done stays.
    """
    for flag in ("dataset", "output"):
        if getattr(options, flag) is None:
            raise UsageError(f"--{flag.upper()}: missing; say prepare SOURCE OUT")
    from minimagen.preparation.prepare import prepare as run
    from minimagen.preparation.report import shown

    out, workers = options.output, options.num_workers or 0
    try:
        report = run(_settings(options), out, workers=workers, progress=_bar)
    except KeyboardInterrupt:
        print(f"what is done is in {out}.preparing; the same line goes on", file=sys.stderr)
        raise
    print("\n".join(shown(report)))
    print(f"{out}: look at contact_sheet.png and rejected.jsonl")


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen prepare", "Check, deduplicate, resize and pack a data set."
    given = _named(argv)
    return leave_well(prog, lambda: prepare(parse_flags(prog, about, FLAGS, EXAMPLES, given)))


def _named(argv: Sequence[str]) -> list[str]:
    """Give the one or two words that a command line may begin with their flags."""
    words = [word for word in argv[:2] if not word.startswith("-")]
    words = words if not argv or not argv[0].startswith("-") else []
    flags = [part for pair in zip(("-ds", "-o"), words, strict=False) for part in pair]
    return [*flags, *argv[len(words) :]]


def _settings(options: argparse.Namespace) -> "Preparation":
    from minimagen.preparation.settings import Preparation

    elsewhere = {"output", "num_workers"}
    given = {name: value for name, value in vars(options).items() if value is not None}
    return Preparation(**{name: given[name] for name in given.keys() - elsewhere})


def _bar(items: Iterable[T], title: str, behind: int, ahead: int) -> Iterator[T]:
    """Show how far it is, and for how much longer."""
    from tqdm import tqdm

    bar: Any = tqdm(items, desc=title, initial=behind, total=behind + ahead, unit="picture")
    yield from bar
