"""From captions as they are written to what each image is drawn from."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from minimagen.drawing.settings import ImageRecord
from minimagen.errors import DataError, UsageError
from minimagen.text.prompts import (
    Prompt,
    expand_all,
    expand_one,
    in_style,
    literal,
    read_lists,
    read_prompt,
    read_styles,
)

BUILT_IN_CAPTION = "a large red circle"
STYLES = Path("styles.json")


@dataclass(frozen=True)
class Drawn:
    """What one image is drawn from.

    Args:
        given: the caption as it was written.
        expanded: in its style, its choices made.
        prompt: its text and the weights of its words.
    """

    given: str
    expanded: str
    prompt: Prompt

    def record(self, number: int | None = None, amount: float | None = None) -> ImageRecord:
        """Return it as settings.json keeps it; see :class:`ImageRecord`."""
        return ImageRecord(
            given=self.given,
            expanded=self.expanded,
            weights=tuple((w.start, w.end, w.value) for w in self.prompt.weights),
            number=number,
            amount=amount,
        )


def read_captions(given: str | None) -> list[str]:
    """Return the captions as they are written: from a ``.txt`` file, one a line, or as given.

    Raises:
        DataError: when the file is missing, empty or no UTF-8 text.
    """
    if given is None:
        print(f'no -c given: drawing "{BUILT_IN_CAPTION}"')
        given = BUILT_IN_CAPTION
    return _read_lines(Path(given)) if given.lower().endswith(".txt") else [given]


def _read_lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"--CAPTIONS {path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"--CAPTIONS {path}: no UTF-8 text at byte {error.start}; convert it"
        ) from None
    captions = [line.strip() for line in text.splitlines() if line.strip()]
    if not captions:
        raise DataError(f"--CAPTIONS {path}: holds no caption; write one a line")
    return captions


def read_prompts(given: Sequence[str], options: argparse.Namespace) -> list[Drawn]:
    """Settle what each image is drawn from, ``--IMAGES_PER_CAPTION`` of each caption.

    Args:
        given: captions as they are written.
        options: the command line of ``inference.py``.

    Raises:
        UsageError: for malformed weights and choices, and styles and lists that are not there.
        DataError: for files that cannot be read.
    """
    each = options.images_per_caption or 1
    if options.literal:
        _refuse_with_literal(options)
        return [Drawn(caption, caption, literal(caption)) for caption in given for _ in range(each)]
    styled = _styling(options)
    lists = read_lists(options.wildcards) if options.wildcards else {}
    if options.expand == "one":
        repeated = [caption for caption in given for _ in range(each)]
        return [
            _drawn(caption, expand_one(styled(caption), options.seed or 0, number, lists=lists))
            for number, caption in enumerate(repeated)
        ]
    return [
        _drawn(caption, expanded)
        for caption in given
        for expanded in expand_all(styled(caption), lists)
        for _ in range(each)
    ]


def _refuse_with_literal(options: argparse.Namespace) -> None:
    for name in ("style", "expand", "wildcards"):
        if getattr(options, name) is not None:
            raise UsageError(
                f"--{name.upper()}: means nothing with --LITERAL, which takes captions as they "
                "are; leave one of them out"
            )


def _styling(options: argparse.Namespace) -> Callable[[str], str]:
    if options.style is None:
        return str
    styles = read_styles(options.styles or STYLES)
    return lambda caption: in_style(caption, options.style, styles)


def _drawn(given: str, expanded: str) -> Drawn:
    return Drawn(given, expanded, read_prompt(expanded))
