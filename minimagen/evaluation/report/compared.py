"""Two runs side by side, as sections of a page and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from minimagen.evaluation.compare import Comparison, Difference
from minimagen.evaluation.report.page import Block, Plot, Section, Sheet, Shown, Table, Text
from minimagen.evaluation.report.plain import rounded
from minimagen.evaluation.report.plots import plot_losses
from minimagen.evaluation.report.sections import number

SHOWN, DIFFERING = 24, 12  # pairs of pictures
COLUMNS = "measure", "", "A", "B", "A - B", "p", "better"


def sections_of(found: Comparison) -> list[Section]:
    """Return the sections of a comparison."""
    return list(_sections(found))


def plain(facts: Mapping[str, Any], found: Comparison) -> dict[str, Any]:
    """Return what ``report.json`` holds."""
    scores = [each.scores for each in found.judged]
    said: dict[str, Any] = rounded(
        {
            **facts,
            "differences": {
                each.name: {
                    "a": each.a,
                    "b": each.b,
                    **asdict(each.found),
                    "better": each.better(),
                }
                for each in found.differences
            },
            "errors_by_noise_level": {
                name: {"log_snr": curve.log_snrs, "error": curve.means}
                for name, curve in found.errors.items()
            },
            "pictures": [
                {"caption": caption, "scores": [None if s is None else float(s[i]) for s in scores]}
                for i, caption in enumerate(found.pictures[0].captions)
            ],
        }
    )
    return said


def rows_of(differences: Sequence[Difference]) -> list[list[str]]:
    """Return a row of text for each measure, as :data:`COLUMNS` says."""
    return [
        [
            each.title,
            "↓" if each.is_better == "lower" else "↑",
            number(each.a),
            number(each.b),
            f"{number(each.found.difference)}  "
            f"[{number(each.found.low)}, {number(each.found.high)}]",
            number(each.found.p),
            each.better() or "may be chance",
        ]
        for each in differences
    ]


def _sections(found: Comparison) -> Iterator[Section]:
    yield Section("Which is better", [*_differences(found)])
    about = Text("Left A, right B: one caption, one seed.")
    yield Section("Side by side", [about, _pairs(found, range(SHOWN))])
    if apart := _apart(found):
        yield Section("Where they differ most", [_pairs(found, apart)])
    if found.errors:
        lines = {
            name: (curve.log_snrs, curve.means, curve.standard_errors)
            for name, curve in found.errors.items()
        }
        plot = plot_losses({"the base, on pictures that were held out": lines})
        yield Section("Error by noise level", [Plot(plot, "Error of both runs by log-SNR")])


def _differences(found: Comparison) -> Iterator[Block]:
    yield Table(COLUMNS, rows_of(found.differences))
    yield Text(
        f"{len(found.pictures[0])} pairs of pictures, each of one caption and one seed. In "
        "brackets: the 95 % interval of the difference, by drawing pairs anew. p: how often "
        "swapping the pictures of pairs by chance makes a difference as large; each measure is "
        "taken by itself, so of twenty that do not differ one has a p below 0.05."
    )


def _pairs(found: Comparison, places: Sequence[int]) -> Block:
    a, b = found.pictures
    entries = []
    for place in places:
        if place < len(a):
            pictures = [a.picture(place), b.picture(place)]
            said = a.captions[place] or "(no caption)"
            entries.append(Shown(pictures, said, _note(found, place)))
    return Sheet(entries)


def _apart(found: Comparison) -> list[int]:
    """Return the places where scores differ most."""
    a, b = (each.scores for each in found.judged)
    if a is None or b is None:
        return []
    order: list[int] = (a - b).abs().argsort(descending=True, stable=True).tolist()
    return [place for place in order[:DIFFERING] if a[place] != b[place]]


def _note(found: Comparison, place: int) -> str:
    a, b = (each.scores for each in found.judged)
    if found.judge is None or a is None or b is None:
        return ""
    values = float(a[place]), float(b[place])
    if found.judge.is_verdict:
        return ", ".join("right" if value else "wrong" for value in values)
    return ", ".join(map(number, values))
