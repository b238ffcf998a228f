"""Which items stay, and why the others do not: a pure function of what was noted of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from minimagen.preparation.looks import Looks
from minimagen.preparation.near import NearIndex
from minimagen.preparation.settings import Preparation

Captions = tuple[str, ...]
EXACT = "exact duplicate of another picture"
NEAR = "near duplicate of another picture"


@dataclass(frozen=True)
class Judgement:
    """What became of each item.

    Attributes:
        kept: the items that stay, in the order of the source.
        captions: of each of them, one or more.
        reasons: why each other item is left out.
        twins: for a duplicate, the item that stays in its place.
    """

    kept: list[int]
    captions: dict[int, Captions]
    reasons: dict[int, str]
    twins: dict[int, int]


@dataclass
class _Duplicates:
    reasons: dict[int, str] = field(default_factory=dict)
    twins: dict[int, int] = field(default_factory=dict)

    def add(self, index: int, twin: int, reason: str) -> None:
        self.reasons[index], self.twins[index] = reason, twin


def judge(looks: Looks, captions: Sequence[Captions], settings: Preparation) -> Judgement:
    """Decide which items stay.

    A duplicate is one of a picture that stays, never of one that is left out itself: a chain of
    small steps cannot join pictures that differ.

    Args:
        looks: what was noted of each item; (N,).
        captions: of each item; (N,).
        settings: what is asked for.
    """
    fitting = [usable_captions(own, settings) for own in captions]
    reasons = _unfit(looks, captions, fitting, settings)
    found = _duplicates(looks, _by_preference(looks, reasons, settings), settings)
    reasons |= found.reasons
    kept = [index for index in range(len(looks)) if index not in reasons]
    own = {index: fitting[index] for index in kept}
    joined = _joined(own, fitting, found.twins) if settings.join_captions else own
    return Judgement(kept, joined, reasons, found.twins)


def usable_captions(captions: Captions, settings: Preparation) -> Captions:
    """Return those of an item's captions that stay, each once."""
    return tuple(dict.fromkeys(text for text in captions if _stays(text, settings)))


def _stays(text: str, settings: Preparation) -> bool:
    words = len(text.split())
    if not words:
        return settings.empty_captions == "keep"
    return words >= settings.min_words and words <= (settings.max_words or words)


def _unfit(
    looks: Looks, captions: Sequence[Captions], fitting: Sequence[Captions], settings: Preparation
) -> dict[int, str]:
    reasons = {}
    columns = (looks[name].tolist() for name in ("reason", "width", "height"))
    for index, (damage, *sides) in enumerate(zip(*columns, strict=True)):
        reason = damage.decode() or _wrong_shape(sides, settings)
        if not reason and not fitting[index]:
            reason = _wrong_captions(captions[index], settings)
        if reason:
            reasons[index] = reason
    return reasons


def _wrong_shape(sides: Sequence[int], settings: Preparation) -> str:
    if min(sides) < settings.min_side:
        return f"shorter side under {settings.min_side} pixels"
    if settings.max_aspect is not None and max(sides) > settings.max_aspect * min(sides):
        return f"longer side over {settings.max_aspect:g} times the shorter"
    return ""


def _wrong_captions(captions: Captions, settings: Preparation) -> str:
    if not any(captions):
        return "caption is empty"
    if settings.max_words is None:
        return f"caption under {settings.min_words} words"
    return f"caption outside {settings.min_words} to {settings.max_words} words"


def _by_preference(looks: Looks, reasons: dict[int, str], settings: Preparation) -> list[int]:
    """List what is left, with the one of several duplicates that stays before the others."""
    left = [index for index in range(len(looks)) if index not in reasons]
    if settings.keep == "first":
        return left
    pixels = (looks["width"].astype(np.int64) * looks["height"]).tolist()
    return sorted(left, key=lambda index: (-pixels[index], index))


def _duplicates(looks: Looks, candidates: list[int], settings: Preparation) -> _Duplicates:
    found = _Duplicates()
    if settings.duplicates != "none":
        different = _without_equal(looks["pixels"], candidates, found)
        if settings.duplicates == "near":
            _without_alike(looks, different, settings.near_bits, found)
    return found


def _without_equal(
    pixels: NDArray[np.bytes_], candidates: list[int], found: _Duplicates
) -> list[int]:
    first: dict[bytes, int] = {}
    for index in candidates:
        twin = first.setdefault(pixels[index], index)
        if twin != index:
            found.add(index, twin, EXACT)
    return list(first.values())


def _without_alike(looks: Looks, candidates: list[int], bits: int, found: _Duplicates) -> None:
    hashes, thumbnails = (np.ascontiguousarray(looks[name]) for name in ("hash", "thumbnail"))
    kept = NearIndex(hashes, thumbnails, bits)
    for index in candidates:
        twin = kept.find(index)
        if twin is None:
            kept.add(index)
        else:
            found.add(index, twin, NEAR)
    # What equals a picture that is left out by now is a duplicate of what stands for that one.
    found.twins.update({i: found.twins.get(twin, twin) for i, twin in found.twins.items()})


def _joined(
    own: dict[int, Captions], fitting: Sequence[Captions], twins: dict[int, int]
) -> dict[int, Captions]:
    joined = dict(own)
    for index in sorted(twins):
        joined[twins[index]] += fitting[index]
    return {index: _once(texts) for index, texts in joined.items()}


def _once(texts: Captions) -> Captions:
    """Return captions each once; an empty one beside others says nothing."""
    return tuple(dict.fromkeys(text for text in texts if text)) or texts[:1]
