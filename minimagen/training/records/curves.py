"""``metrics.jsonl`` read as curves, whatever state it is in."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """All that was measured of one stage.

    Args:
        points: what was measured under a name, by step.
    """

    points: dict[str, dict[int, Any]] = field(default_factory=lambda: defaultdict(dict))

    def line(self, name: str) -> tuple[Numbers, Numbers]:
        """Return steps and values of a number, both (N,); NaN stays NaN."""
        found = {s: v for s, v in self._sorted(name) if isinstance(v, int | float)}
        return _column(found), np.array(list(found.values()), np.float64)

    def lines(self, name: str, count: int) -> tuple[Numbers, Numbers]:
        """Return steps (N,) and values (N, count) of lists of so many numbers; others are none."""
        found = {s: v for s, v in self._sorted(name) if isinstance(v, list) and len(v) == count}
        return _column(found), np.array(list(found.values()), np.float64).reshape(-1, count)

    def last(self, name: str) -> Any:
        """Return the newest value; None when there is none."""
        return next((value for _, value in reversed(self._sorted(name))), None)

    def _sorted(self, name: str) -> list[tuple[int, Any]]:
        return sorted(self.points.get(name, {}).items())


def read_curves(path: Path) -> dict[int, Curves]:
    """Read the curves of each stage of a file that may be missing, going on, cut short or damaged.

    A step that was measured twice, before a kill and after it, is what was measured last.
    """
    stages: dict[int, Curves] = defaultdict(Curves)
    for stage, step, values in _measured(path):
        for name, value in values.items():
            stages[stage].points[name][step] = value
    return dict(sorted(stages.items()))


def _measured(path: Path) -> Iterator[tuple[int, int, dict[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        try:
            values = json.loads(line)
            stage, step = int(values.pop("stage")), int(values.pop("step"))
        except (ValueError, TypeError, KeyError, AttributeError):  # no line of ours, or half of one
            continue
        yield stage, step, values


def _column(points: dict[int, Any]) -> Numbers:
    return np.array(list(points), np.float64)
