"""How the built-in world is put into words.

Captions are made from words alone here; that they are true of a picture is up to whoever draws it.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, count, zip_longest
from typing import TypeVar

from minimagen import seeds
from minimagen.data.world import (
    COLOURS,
    HELD_OUT,
    PLACES,
    RELATIONS,
    SHAPES,
    Pair,
    Variant,
    all_pairs,
    held_out_places,
    trained_pairs,
)
from minimagen.errors import UsageError

T = TypeVar("T")
COUNTS = {2: "two", 3: "three"}
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SAID_SIZES = ("", "small", "large")  # medium goes without saying
SAID_PLACES = ("", *chain(*PLACES))
LINKS = ("and", *RELATIONS)


class Draws:
    """An endless sequence of draws that belongs to a key."""

    def __init__(self, *key: seeds.Key) -> None:
        self._key = key
        self._drawn = 0

    def between(self, low: float, high: float) -> float:
        """Draw uniformly from [low, high)."""
        self._drawn += 1
        return low + (high - low) * seeds.unit(*self._key, self._drawn)

    def pick(self, options: Sequence[T]) -> T:
        """Draw one of the options, all equally likely."""
        return options[int(self.between(0, len(options)))]

    def chance(self, probability: float) -> bool:
        """Draw a yes with this probability."""
        return self.between(0, 1) < probability


def one(pair: Pair, size: str = "", place: str = "") -> str:
    """Say one thing: "a small red circle on the left"."""
    words = " ".join(filter(None, (size, *pair, place)))
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def several(pair: Pair, number: int) -> str:
    """Say two or three of a kind: "two red circles"."""
    colour, shape = pair
    return f"{COUNTS[number]} {colour} {plural(shape)}"


def plural(shape: str) -> str:
    """Say several of a shape: "crosses"."""
    return f"{shape}{'es' if shape.endswith('s') else 's'}"


SHAPE_NAMES = {name: shape for shape in SHAPES["scenes"] for name in (shape, plural(shape))}
"""Every word for a shape, of one or of several."""


def linked(pair: Pair, link: str, other: Pair) -> str:
    """Say two things: "a red circle left of a blue square"."""
    return f"{one(pair)} {link} {one(other)}"


def held_out_captions(variant: Variant, number: int, seed: int) -> list[str]:
    """List distinct captions that each hold a combination training never sees.

    Combinations take turns, and so do the forms a caption can have.

    Raises:
        UsageError: when the variant has fewer such captions.
    """
    captions = all_held_out_captions(variant, seed)
    if number > len(captions):
        raise UsageError(
            f"{number} held-out captions: {variant!r} has {len(captions)}, ask for at most those"
        )
    return captions[:number]


def all_held_out_captions(variant: Variant, seed: int) -> list[str]:
    """List every caption that :func:`held_out_captions` takes the first ones of."""
    forms = _held_out_forms(variant)
    order = seeds.permutation(len(forms), "held-out forms", seed, variant).tolist()
    columns = [_shuffled(forms[place], seed, variant, place) for place in order]
    return [caption for row in zip_longest(*columns) for caption in row if caption]


def caption_stream(seed: int) -> Iterator[str]:
    """Say anything the built-in data can say, held-out combinations included, without end."""
    for number in count():
        yield _any_caption(Draws(seed, "caption stream", number))


def _held_out_forms(variant: Variant) -> list[list[str]]:
    if variant == "single":
        return [
            [one(pair, size, place) for size in SAID_SIZES for place in held_out_places(pair)]
            for pair in all_pairs("single")
        ]
    alone = [
        [one(pair, size, place) for size in SAID_SIZES for place in SAID_PLACES]
        for pair in HELD_OUT
    ]
    counted = [[several(pair, number) for number in COUNTS] for pair in HELD_OUT]
    return alone + counted + [_linked_with_trained(pair) for pair in HELD_OUT]


def _linked_with_trained(pair: Pair) -> list[str]:
    others = trained_pairs("scenes")
    first = [linked(pair, link, other) for link in LINKS for other in others]
    second = [linked(other, link, pair) for link in LINKS for other in others]
    return first + second


def _shuffled(captions: list[str], *key: seeds.Key) -> list[str]:
    order = seeds.permutation(len(captions), "held-out captions", *key)
    return [captions[place] for place in order.tolist()]


def _any_caption(draws: Draws) -> str:
    form = draws.between(0, 1)
    if form < 0.05:
        return f"a handwritten {draws.pick(DIGITS)}"
    if form < 0.5:
        return one(_any_pair(draws), draws.pick(SAID_SIZES), draws.pick(SAID_PLACES))
    if form < 0.65:
        return several(_any_pair(draws), draws.pick(list(COUNTS)))
    return linked(_any_pair(draws), draws.pick(LINKS), _any_pair(draws))


def _any_pair(draws: Draws) -> Pair:
    return draws.pick(list(COLOURS)), draws.pick(SHAPES["scenes"])
