"""What came of a preparation, for programs (``report.json``) and for people.

It holds no time and no path but the data set's name, so equal preparations give equal reports.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Report = dict[str, Any]
EDGES = (1, 1.05, 1.25, 1.45, 1.6, 1.9, 2.5)  # of longer over shorter side
SHARES = {"least": 0, "5 %": 5, "median": 50, "95 %": 95, "most": 100}
MOST_FREQUENT = 5
BAR = 40  # letters


def sizes_of(widths: NDArray[np.uint32], heights: NDArray[np.uint32]) -> Report:
    """Describe the shapes of pictures, given their sides in pixels; (N,), N at least 1."""
    sides = np.stack([widths, heights]).astype(np.float64)
    aspect = sides.max(axis=0) / sides.min(axis=0)
    counts = np.bincount(np.searchsorted(EDGES, aspect, "right") - 1, minlength=len(EDGES))
    return {
        "shorter_side": _spread(sides.min(axis=0)),
        "longer_side": _spread(sides.max(axis=0)),
        "wide": int((widths > heights).sum()),
        "tall": int((widths < heights).sum()),
        "square": int((widths == heights).sum()),
        "aspect_ratio": dict(zip(_names(), counts.tolist(), strict=True)),
    }


def captions_of(captions: Iterable[str]) -> Report:
    """Describe captions: how many, how long, how often the same."""
    counts = Counter(captions)
    words = [len(text.split()) for text in counts.elements()]
    vocabulary = {word.lower() for text in counts for word in text.split()}
    return {
        "captions": counts.total(),
        "distinct": len(counts),
        "empty": counts.get("", 0),
        "repeated": counts.total() - len(counts),
        "words": _spread(words or [0]),
        "distinct_words": len(vocabulary),
        "most_frequent": _most_frequent(counts),
    }


def shown(report: Report) -> Iterator[str]:
    """Show a report as lines of text."""
    yield f"{report['settings']['dataset']}: {report['found']:,} found, {report['kept']:,} kept"
    yield from _table("left out", report["rejected"])
    pictures, captions = report["pictures"], report["captions"]
    yield "originals of what was kept, in pixels"
    yield from (f"  {name:14}{_said(pictures[key])}" for name, key in SIDES.items())
    shapes = (f"{pictures[key]:,} {key}" for key in ("wide", "tall", "square"))
    yield f"  {'shape':14}{', '.join(shapes)}"
    yield from _histogram("longer over shorter side", pictures["aspect_ratio"])
    yield (
        f"captions: {captions['captions']:,}, {captions['distinct']:,} of them distinct, "
        f"{captions['empty']:,} empty, {captions['repeated']:,} repeat another"
    )
    yield f"  {'words':14}{_said(captions['words'])}; {captions['distinct_words']:,} distinct ones"
    yield from _table("most frequent", dict(captions["most_frequent"]))
    written = report["written"]
    yield (
        f"written: {written['samples']:,} samples, {written['bytes'] / 1e6:,.1f} MB; "
        f"{written['layout']}: {written['blocks']:,}"
    )


SIDES = {"shorter side": "shorter_side", "longer side": "longer_side"}


def _most_frequent(counts: Counter[str]) -> list[tuple[str, int]]:
    """List captions that occur more than once, the most frequent first, equals by letter."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_FREQUENT]
    return [(text[:200], count) for text, count in ranked if text and count > 1]


def _spread(values: Sequence[float] | NDArray[np.float64]) -> dict[str, float]:
    points = np.percentile(np.asarray(values), list(SHARES.values()), method="nearest")
    return dict(zip(SHARES, np.round(points).astype(int).tolist(), strict=True))


def _names() -> list[str]:
    first = [f"{low:g} to {high:g}" for low, high in pairwise(EDGES)]
    return [*first, f"{EDGES[-1]:g} up"]


def _said(spread: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:,}" for name, value in spread.items())


def _table(title: str, counts: dict[str, int]) -> Iterator[str]:
    if counts:
        yield f"{title}"
        yield from (f"  {count:8,}  {name:.80}" for name, count in counts.items())


def _histogram(title: str, counts: dict[str, int]) -> Iterator[str]:
    yield title
    longest = max(1, *counts.values())
    for name, count in counts.items():
        yield f"  {name:14}{count:8,}  {'#' * -(-BAR * count // longest)}".rstrip()
