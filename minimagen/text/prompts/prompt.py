r"""Weighted words: ``a (red:1.4) circle``.

A parenthesis weighs what it holds if it ends with a colon and a number; any other one is itself.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from minimagen.errors import UsageError
from minimagen.text.captions import clean

MAX_WEIGHT = 10.0
_PIECE = re.compile(r"\\[(){}|:_\\]|.", re.DOTALL)  # an escape, or any one character
_NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+")
_MEANT_AS_NUMBER = re.compile(r"[-+.\d]|$")


@dataclass(frozen=True)
class Weight:
    """Some characters of a caption and how much they count.

    Args:
        start: the first of them.
        end: the one behind the last.
        value: 1 is as without; 0 takes them out.
    """

    start: int
    end: int
    value: float


@dataclass(frozen=True)
class Prompt:
    """A caption as it is drawn.

    Args:
        text: as cleaned by :func:`minimagen.text.captions.clean`, free of markup.
        weights: disjoint, in order; what they leave out counts 1.
    """

    text: str
    weights: tuple[Weight, ...] = ()


@dataclass(frozen=True)
class _Piece:
    """One character as it is written, an escape included, its place there and its weight."""

    written: str
    at: int
    weight: float = 1.0


def literal(caption: str) -> Prompt:
    """Take a caption as training takes it: nothing in it is markup."""
    return Prompt(clean(caption))


def read_prompt(written: str) -> Prompt:
    """Read a caption with weights; Unicode is brought to NFC.

    Raises:
        UsageError: for a weight that is no number from 0 to 10, or a parenthesis that is not
            closed; says at which character.
    """
    written = unicodedata.normalize("NFC", written)
    groups: list[list[_Piece]] = [[]]
    for match in _PIECE.finditer(written):
        piece = _Piece(match[0], match.start())
        if piece.written == "(":
            groups.append([piece])
        elif piece.written == ")" and len(groups) > 1:
            group = groups.pop()
            groups[-1] += _closed([*group, piece], written)
        else:
            groups[-1].append(piece)
    for group in groups[1:]:
        _require_unweighted(group, written)
    return _prompt([piece for group in groups for piece in group])


def _closed(group: list[_Piece], written: str) -> list[_Piece]:
    """Weigh what stands between two parentheses, or leave it with them."""
    colon = _colon(group)
    number = "".join(piece.written for piece in group[colon + 1 : -1]).strip()
    if not colon or not _MEANT_AS_NUMBER.match(number):
        return group
    if not _NUMBER.fullmatch(number) or float(number) > MAX_WEIGHT:
        raise _malformed(written, group[colon].at + 1, f"weight {number!r}")
    value = float(number)
    return [_Piece(p.written, p.at, p.weight * value) for p in group[1:colon]]


def _colon(group: Sequence[_Piece]) -> int:
    """Return the place of the last colon; 0, where a parenthesis is, if there is none."""
    return next((i for i in range(len(group) - 1, 0, -1) if group[i].written == ":"), 0)


def _require_unweighted(group: Sequence[_Piece], written: str) -> None:
    colon = _colon(group)
    if colon and group[colon + 1 :] and re.match(r"[-+.\d]", group[colon + 1].written):
        raise _malformed(written, group[0].at, "a weighted parenthesis that is never closed")


def _malformed(written: str, at: int, what: str) -> UsageError:
    return UsageError(
        f"caption {written[:60]!r}, character {at + 1}: {what}; write a number from 0 to "
        f"{MAX_WEIGHT:g}, as (red:1.4), or \\( and \\: for the characters themselves"
    )


def _prompt(pieces: Sequence[_Piece]) -> Prompt:
    """Clean the text and say where its weights are now: cleaning moves white space alone."""
    characters = [(piece.written[-1], piece.weight) for piece in pieces]
    text = clean("".join(character for character, _ in characters))
    seen = iter(weight for character, weight in characters if not _is_blank(character))
    placed = [(at, next(seen)) for at, character in enumerate(text) if character != " "]
    return Prompt(text, tuple(_runs(placed)))


def _runs(placed: Sequence[tuple[int, float]]) -> Iterator[Weight]:
    """Join neighbours of one weight."""
    for value, run in groupby(placed, key=lambda item: item[1]):
        places = [at for at, _ in run]
        if value != 1:
            yield Weight(places[0], places[-1] + 1, value)


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cc"
