"""From a listing to the items that can be used: every header read, a sample decoded.

What is wrong is said before training starts. Nothing here knows where bytes come from.
"""

import hashlib
import json
import math
import warnings
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from minimagen.data.columns import Numbers
from minimagen.data.framing import Frame
from minimagen.data.items import Picture, PictureFile, RejectedItem, Rejection
from minimagen.data.listing import Listing
from minimagen.data.pictures import patiently, picture_size, read_picture
from minimagen.data.threads import in_threads
from minimagen.errors import DataError

DECODED_AT_START = 1000


@dataclass(frozen=True)
class Collection:
    """The usable items of a data set, as a :class:`~minimagen.data.items.Source`.

    Args:
        listing: everything the data set lists.
        kept: numbers of the usable items in it, (N,).
        fingerprint: sha256 of names, sizes in bytes and captions.
        notes: what the log should say, a line each.
    """

    listing: Listing
    kept: Numbers
    fingerprint: str
    notes: tuple[str, ...]

    def __len__(self) -> int:
        """Return how many usable items there are."""
        return len(self.kept)

    def name(self, index: int) -> str:
        """Name an item, as the data set does."""
        return self.listing.names[int(self.kept[index])]

    def captions(self, index: int) -> tuple[str, ...]:
        """Return the captions; an empty one means null text."""
        return self.listing.captions[int(self.kept[index])]

    def file(self, index: int) -> PictureFile:
        """Return the image file.

        Raises:
            RejectedItem: when it cannot be had any more.
        """
        return self.listing.files[int(self.kept[index])]

    def size(self, index: int) -> tuple[int, int]:
        """Read a picture's width and height from its header."""
        return picture_size(self.file(index))

    def picture(self, index: int, shape: int | Frame) -> Picture:
        """Decode a picture; see :func:`~minimagen.data.pictures.decode`."""
        return read_picture(self.file(index), shape)


def collect(
    listing: Listing, *, check_size: int, max_rejected: float, limit: int | None = None
) -> tuple[Collection, list[Rejection]]:
    """Read every caption and header of a data set, and decode a sample of its pictures.

    Args:
        listing: the data set.
        check_size: side at which the sample is decoded, in pixels.
        max_rejected: share of rejected items above which the run ends.
        limit: take only the first so many items.

    Raises:
        DataError: when there is nothing to train on, or too much had to be rejected.
    """
    count = min(len(listing.names), limit or len(listing.names))
    verdicts = Verdicts(count)
    judge = partial(_judge, listing, verdicts, check_size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # threads that do so by themselves undo it for each other
        deque(in_threads(judge, range(count)), maxlen=0)
    verdicts.refuse_too_many(listing.place, max_rejected)
    kept = verdicts.kept()
    if not any(any(listing.captions[int(i)]) for i in kept):
        raise DataError(
            f"{listing.place}: every caption is empty; write into each what its picture shows"
        )
    notes = _notes(listing, verdicts, kept, check_size)
    found = Collection(listing, kept, _fingerprint(listing, verdicts, kept), tuple(notes))
    return found, [
        Rejection(listing.names[i], reason) for i, reason in sorted(verdicts.reasons.items())
    ]


class Verdicts:
    """What was found out about each item.

    Args:
        count: of the items.

    Attributes:
        shorter_sides: of the pictures, in pixels, (N,).
        bytes: of the files, (N,).
        sampled: the items whose pictures are decoded.
        reasons: why items are rejected.
    """

    def __init__(self, count: int) -> None:
        self.shorter_sides = np.zeros(count, np.int32)
        self.bytes = np.zeros(count, np.int64)
        decoded = min(count, DECODED_AT_START)
        self.sampled = frozenset(place * count // decoded for place in range(decoded))
        self.reasons: dict[int, str] = {}

    def kept(self) -> Numbers:
        """Return the items that are not rejected, (M,)."""
        usable = np.ones(len(self.bytes), np.bool_)
        usable[list(self.reasons)] = False
        return np.flatnonzero(usable)

    def refuse_too_many(self, place: str, max_rejected: float) -> None:
        """End the run when too many items, or too many of the sample, are rejected.

        Raises:
            DataError: with the reasons.
        """
        whole = len(self.reasons) / len(self.bytes)
        sample = sum(i in self.reasons for i in self.sampled) / len(self.sampled)
        share, reasons = max(whole, sample), Counter(self.reasons.values())
        if share == 1:
            raise DataError(f"{place}: no picture can be used: {_listed(reasons)}")
        if share > max_rejected:
            raise DataError(
                f"{place}: {share:.0%} of the items are unusable, more than {max_rejected:.0%}: "
                f"{_listed(reasons)}; mend them, or allow more with --SET data.max_rejected="
                f"{math.ceil(share * 10) / 10}"
            )


def _judge(listing: Listing, verdicts: Verdicts, check_size: int, index: int) -> None:
    if index in listing.problems:
        verdicts.reasons[index] = listing.problems[index]
        return
    try:
        verdicts.bytes[index] = patiently(lambda: listing.files.byte_count(index))
        verdicts.shorter_sides[index] = min(picture_size(listing.files[index]))
        if index in verdicts.sampled:
            read_picture(listing.files[index], check_size)
    except RejectedItem as rejected:
        verdicts.reasons[index] = str(rejected)


def _listed(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common())


def _notes(listing: Listing, verdicts: Verdicts, kept: Numbers, check_size: int) -> Iterator[str]:
    yield f"{listing.place}: taken for {listing.kind}"
    small = int((verdicts.shorter_sides[kept] < check_size).sum())
    if small:
        yield f"{small} of {len(kept)} pictures are under {check_size} px and are enlarged"
    silent = sum(not any(listing.captions[int(i)]) for i in kept)
    if silent:
        yield f"{silent} of {len(kept)} captions are empty and train as null text"


def _fingerprint(listing: Listing, verdicts: Verdicts, kept: Iterable[int]) -> str:
    digest = hashlib.sha256()
    for index in map(int, kept):
        captions = listing.captions[index]
        said = captions[0] if len(captions) == 1 else captions
        row = (listing.names[index], int(verdicts.bytes[index]), said)
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()
