"""``python -m minimagen models``: releases under names and tags."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from minimagen.cli.flags import Flag, parse_flags, whole
from minimagen.cli.leaving import leave_well
from minimagen.cli.shared import DEVICE, OUTPUT, SEED, in_bytes
from minimagen.errors import CheckpointError, UsageError

if TYPE_CHECKING:  # its imports cost seconds that --help need not wait for
    from minimagen.release.registry import Version

COMPARED = "what is compared"
FLAGS = (
    Flag(
        "CAPTIONS",
        "-c",
        COMPARED,
        "a caption, or a .txt file with one a line; default: those of the first one's samples",
    ),
    Flag(
        "IMG_SIDE_LEN",
        "-s",
        COMPARED,
        "stop after the stage of this size in pixels; default: each one's last",
        whole(1),
    ),
    OUTPUT,
    DEVICE,
    SEED,
)
EXAMPLES = """\
  python -m minimagen models                             what there is, and whether it verifies
  python -m minimagen models tag DIRECTORY NAME:TAG      keep a release; NAME:OLD NAME:NEW works too
  python -m minimagen models compare NAME:A NAME:B       the same captions and seeds, on one sheet
  python -m minimagen models promote NAME:TAG            NAME alone means this one from now on
  python -m minimagen models rollback NAME               and what it meant before

They are kept in $MINIMAGEN_MODELS, else in models/ here; -d takes NAME and NAME:TAG wherever it
takes a directory."""


def models(words: Sequence[str], options: argparse.Namespace) -> None:
    """Do what the first word says, to the others.

    Raises:
        UsageError: for a word that is no verb, or too many or too few of the others.
        CheckpointError: when there is no such release, or one does not verify.
    """
    verb, *rest = words or ["list"]
    if verb not in VERBS:
        raise UsageError(f"models {verb}: no such verb; choose one of {', '.join(VERBS)}")
    work, takes, allowed = VERBS[verb]
    if len(rest) not in allowed:
        raise UsageError(f"models {verb}: takes {takes}, and {len(rest)} words came")
    if verb != "compare":
        _refuse_flags(verb, options)
    work(rest, options)


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen models", "Keep releases under names and tags."
    words = list(takewhile(lambda word: not word.startswith("-"), argv))
    return leave_well(
        prog,
        lambda: models(words, parse_flags(prog, about, FLAGS, EXAMPLES, argv[len(words) :])),
    )


def _list(words: Sequence[str], options: argparse.Namespace) -> None:
    """Print a line for each release; a damaged one is told in the end."""
    from minimagen.release.registry import Registry

    registry = Registry.here()
    versions = list(registry.versions())
    if not versions:
        print(f"no models in {registry.root}; keep one with: models tag DIRECTORY NAME:TAG")
        return
    print("\n".join(_table(("name", "id", "weights", "size", "sizes", "right"), versions)))
    damaged = [one for one in versions if one.complaint is not None]
    if damaged:
        raise CheckpointError("; ".join(str(one.complaint) for one in damaged))


def _table(headings: Sequence[str], versions: Sequence["Version"]) -> Iterator[str]:
    rows = [headings, *map(_row, versions)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _row(one: "Version") -> tuple[str, ...]:
    tags = ", ".join(f"{one.name}:{tag}" for tag in one.tags) or one.name
    said = tags + (" (promoted)" if one.is_promoted else "")
    if one.release is None or one.complaint is not None:
        return said, one.id, "damaged", "", "", ""
    sizes = " ".join(map(str, one.release.sizes))
    right = ", ".join(f"{found.what} {found.share:.2f}" for found in one.release.about.measured)
    return said, one.id, one.release.dtype, in_bytes(one.release.size), sizes, right


def _tag(words: Sequence[str], options: argparse.Namespace) -> None:
    from minimagen.release.finding import find_model
    from minimagen.release.registry import Registry

    source, word = words
    place = Registry.here().tag(find_model(source), word)
    print(f"{word} is {place}")


def _promote(words: Sequence[str], options: argparse.Namespace) -> None:
    from minimagen.release.registry import Registry, split

    [word] = words
    place = Registry.here().promote(word)
    print(f"{split(word)[0]} is {place} from now on")


def _roll_back(words: Sequence[str], options: argparse.Namespace) -> None:
    from minimagen.release.registry import Registry

    [name] = words
    place = Registry.here().roll_back(name)
    print(f"{name} is {place} again")


def _compare(words: Sequence[str], options: argparse.Namespace) -> None:
    from minimagen.cli.comparing import compare_models

    print(
        compare_models(
            words,
            captions=options.captions,
            size=options.img_side_len,
            seed=options.seed or 0,
            device=options.device,
            output=options.output or Path(),
        )
    )


def _refuse_flags(verb: str, options: argparse.Namespace) -> None:
    for name, value in vars(options).items():
        if value is not None:
            raise UsageError(f"--{name.upper()}: means nothing with models {verb}; leave it out")


Work = Callable[[Sequence[str], argparse.Namespace], None]
VERBS: dict[str, tuple[Work, str, range]] = {
    "list": (_list, "no words", range(1)),
    "tag": (_tag, "a DIRECTORY or NAME:TAG, and a NAME:TAG for it", range(2, 3)),
    "compare": (_compare, "two or more NAMEs, NAME:TAGs or directories", range(2, 9)),
    "promote": (_promote, "a NAME:TAG", range(1, 2)),
    "rollback": (_roll_back, "a NAME", range(1, 2)),
}
