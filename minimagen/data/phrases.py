"""What a caption of the built-in world says of each of its things, and where it says it."""

import re
from itertools import chain
from typing import NamedTuple

from minimagen.data.grammar import COUNTS, LINKS, SAID_PLACES, SAID_SIZES, SHAPE_NAMES
from minimagen.data.world import COLOURS

_TURNED = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


class Phrase(NamedTuple):
    """The part of a caption that is about one thing, or about some of a kind.

    Args:
        start: its first character.
        stop: one after its last; a link belongs to the phrase before it.
        facts: words that hold of it. The second of two things has the relation turned round:
            "a star left of a ring" says of the ring that it is "right of".
    """

    start: int
    stop: int
    facts: tuple[str, ...]


def _any_of(words: list[str] | tuple[str, ...]) -> str:
    return "|".join(sorted(filter(None, words), key=len, reverse=True))


_THING = re.compile(
    rf"(?:an?|({_any_of([*COUNTS.values()])})) (?:({_any_of(SAID_SIZES)}) )?"
    rf"({_any_of([*COLOURS])}) ({_any_of([*SHAPE_NAMES])})(?: ({_any_of(SAID_PLACES)}))?"
)
_LINK = re.compile(rf" ({_any_of(LINKS)}) ")


def phrases(caption: str) -> list[Phrase]:
    """Take a caption of the built-in scenes apart; one about anything else has no phrases."""
    link = _LINK.search(caption)
    if link is None:
        return _phrase(caption, 0, len(caption))
    one, other = link[1], _TURNED.get(link[1], link[1])
    first = _phrase(caption[: link.start()], 0, link.end(), one)
    second = _phrase(caption[link.end() :], link.end(), len(caption), other)
    return list(chain(first, second)) if first and second else []


def _phrase(words: str, start: int, stop: int, *facts: str) -> list[Phrase]:
    thing = _THING.fullmatch(words)
    if thing is None:
        return []
    said = (SHAPE_NAMES.get(word, word) for word in thing.groups() if word)
    return [Phrase(start, stop, (*said, *facts))]
