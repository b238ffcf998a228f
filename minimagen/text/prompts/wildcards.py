r"""Choices in a caption: ``a {red|blue} circle``, all of them or a seeded one.

Choices may hold choices. Braces without a ``|`` are themselves, and so is ``\{``.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, product
from math import prod
from pathlib import Path
from typing import TypeAlias

from minimagen import seeds
from minimagen.errors import DataError, UsageError

LIMIT = 10_000
_TOKEN = re.compile(r"\\.|[{|}]|[^\\{|}]+|\\", re.DOTALL)
_LIST = re.compile(r"(?<!\\)__([A-Za-z0-9-]+)__")


@dataclass(frozen=True)
class _Choice:
    options: "list[_Sequence]"


_Sequence: TypeAlias = "list[str | _Choice]"


@dataclass(frozen=True)
class _Open:
    """A brace that is not closed yet: its place, and the options so far."""

    at: int
    options: list[_Sequence]


def expand_all(written: str, lists: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """Return every caption that the choices allow, the last choice running fastest.

    Args:
        written: a caption.
        lists: what ``__name__`` stands for.

    Raises:
        UsageError: for a choice that is not closed, an unknown list, or over 10,000 captions.
    """
    parts = _parse(_with_lists(written, lists or {}))
    number = _count(parts)
    if number > LIMIT:
        raise UsageError(
            f"caption {written[:60]!r}: its choices make {number} captions, at most {LIMIT} are "
            "allowed; take a seeded one with --EXPAND one"
        )
    return _all(parts)


def expand_one(
    written: str, *key: seeds.Key, lists: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Return one of the captions that the choices allow; which follows from the key.

    Raises:
        UsageError: as :func:`expand_all`, but for the number of captions.
    """
    draws = count()

    def pick(options: int) -> int:
        return int(options * seeds.unit(*key, "wildcards", next(draws)))

    return _one(_parse(_with_lists(written, lists or {})), pick)


def read_lists(directory: Path) -> dict[str, list[str]]:
    """Read ``NAME.txt``, one choice a line, for all that a directory holds.

    Raises:
        DataError: when there is none, or one is empty or no UTF-8 text.
    """
    paths = sorted(directory.glob("*.txt"))
    if not paths:
        raise DataError(f"--WILDCARDS {directory}: holds no NAME.txt; write one choice a line")
    return {path.stem: _read_list(path) for path in paths}


def _read_list(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--WILDCARDS {path}: cannot be read ({error})") from None
    choices = [line.strip() for line in lines if line.strip()]
    if not choices:
        raise DataError(f"--WILDCARDS {path}: holds no choice; write one a line")
    return choices


def _with_lists(written: str, lists: Mapping[str, Sequence[str]]) -> str:
    """Put ``{red|blue}`` in the place of ``__colour__``; without any lists there is no markup."""

    def choice(found: re.Match[str]) -> str:
        if found[1] not in lists:
            raise UsageError(
                f"caption {written[:60]!r}, character {found.start() + 1}: no list "
                f"{found[0]}; there are {', '.join(lists)}"
            )
        options = lists[found[1]]
        return options[0] if len(options) == 1 else "{" + "|".join(options) + "}"

    return _LIST.sub(choice, written) if lists else written


def _parse(written: str) -> _Sequence:
    stack = [_Open(0, [[]])]
    for token in _TOKEN.finditer(written):
        inside = len(stack) > 1
        if token[0] == "{":
            stack.append(_Open(token.start(), [[]]))
        elif token[0] == "}" and inside:
            closed = stack.pop().options
            stack[-1].options[-1] += _choice_or_braces(closed)
        elif token[0] == "|" and inside:
            stack[-1].options.append([])
        else:
            stack[-1].options[-1].append(token[0])
    return _unclosed(stack, written)


def _choice_or_braces(options: list[_Sequence]) -> _Sequence:
    return [_Choice(options)] if len(options) > 1 else ["{", *options[0], "}"]


def _unclosed(stack: list[_Open], written: str) -> _Sequence:
    """Take a brace that is never closed as itself, unless it holds a choice."""
    parts = stack[0].options[0]
    for left in stack[1:]:
        if len(left.options) > 1:
            raise UsageError(
                f"caption {written[:60]!r}, character {left.at + 1}: a choice that is never "
                "closed; close it, as {red|blue}, or write \\{ for the character itself"
            )
        parts += ["{", *left.options[0]]
    return parts


def _count(parts: Iterable[str | _Choice]) -> int:
    return prod(sum(map(_count, p.options)) for p in parts if isinstance(p, _Choice))


def _all(parts: Iterable[str | _Choice]) -> list[str]:
    options = [
        [part]
        if isinstance(part, str)
        else [text for option in part.options for text in _all(option)]
        for part in parts
    ]
    return ["".join(chosen) for chosen in product(*options)]


def _one(parts: Iterable[str | _Choice], pick: Callable[[int], int]) -> str:
    return "".join(
        part if isinstance(part, str) else _one(part.options[pick(len(part.options))], pick)
        for part in parts
    )
