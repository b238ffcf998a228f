"""From captions as they are written to what each image is drawn from."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minimagen.errors import UsageError
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

    def record(self) -> dict[str, Any]:
        """Return it as settings.json and a PNG's text fields keep it."""
        weights = [[w.start, w.end, w.value] for w in self.prompt.weights]
        return {"given": self.given, "expanded": self.expanded, "weights": weights}


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


def read_negative(options: argparse.Namespace) -> Prompt | None:
    """Read ``--NEGATIVE_CAPTION``, whose words may be weighted."""
    if options.negative_caption is None:
        return None
    read = literal if options.literal else read_prompt
    return read(options.negative_caption)


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
