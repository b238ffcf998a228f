"""What was found out, as JSON: every number of the page, and where its pictures are."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from minimagen.evaluation.bootstrap import Interval
from minimagen.evaluation.evaluate import Findings
from minimagen.evaluation.measures import Measure
from minimagen.evaluation.noise_levels import ErrorCurve

DIGITS = 6  # of a number that was measured


def plain(facts: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    """Return what ``report.json`` holds.

    Args:
        facts: what was evaluated, and how.
        findings: what was found out.
    """
    found = findings
    scores = found.judged.scores
    said: dict[str, Any] = rounded(
        {
            **facts,
            "measures": measures_of(found.measures),
            "held_out_real": measures_of(found.of_held_out),
            "warnings": found.doubts,
            "bias": None if found.bias is None else asdict(found.bias),
            "errors_by_noise_level": {
                stage: {name: _curve(curve) for name, curve in curves.items()}
                for stage, curves in found.losses.items()
            },
            "enlargement": [asdict(way) for way in found.enlarged],
            "guidance": [asdict(scale) for scale in found.swept],
            "pictures": [
                {
                    "caption": caption,
                    "score": None if scores is None else float(scores[place]),
                    "nearest_trained": found.trained.pictures.indices[row],
                    "distance": distance,
                }
                for place, (caption, row, distance) in enumerate(
                    zip(
                        found.pictures.captions,
                        found.neighbours.indices[:, 0].tolist(),
                        found.neighbours.distances[:, 0].tolist(),
                        strict=True,
                    )
                )
            ],
        }
    )
    return said


def measures_of(measures: list[Measure]) -> dict[str, Any]:
    """Return measures by name."""
    return {each.name: _interval(each.found) for each in measures}


def rounded(value: Any) -> Any:
    """Round every number to what it is worth; what is no number becomes None."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list | tuple) else value


def _interval(found: Interval) -> dict[str, float]:
    return asdict(found)


def _curve(curve: ErrorCurve) -> dict[str, Any]:
    return {
        "log_snr": curve.log_snrs,
        "error": curve.means,
        "standard_error": curve.standard_errors,
    }
