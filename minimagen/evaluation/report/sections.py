"""What was found out of one run, as sections of a page."""

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from minimagen.evaluation.bootstrap import Interval
from minimagen.evaluation.evaluate import Findings
from minimagen.evaluation.measures import Measure
from minimagen.evaluation.noise_levels import ErrorCurve
from minimagen.evaluation.report.page import Block, Plot, Section, Sheet, Shown, Table, Text
from minimagen.evaluation.report.page import Warnings as Doubts
from minimagen.evaluation.report.plots import (
    Line,
    plot_bias,
    plot_distances,
    plot_losses,
    plot_map,
    plot_sweep,
)

SAMPLES, EXTREMES, NEIGHBOURS = 48, 12, 24  # pictures shown


def sections_of(findings: Findings) -> list[Section]:
    """Return the sections of a run's report; what was not measured is left out."""
    return list(_sections(findings))


def measured(found: Interval) -> str:
    """Write a value and its interval for people."""
    return f"{number(found.value)}  [{number(found.low)}, {number(found.high)}]"


def number(value: float) -> str:
    """Write a number with three digits that say something."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _sections(findings: Findings) -> Iterator[Section]:
    yield Section("How good it is", [*_measures(findings)])
    yield Section("What it draws", [_samples(findings)])
    yield Section("Copies?", [*_neighbours(findings)])
    yield Section("Best and worst", [*_extremes(findings)])
    if findings.losses:
        is_narrow = len(findings.losses) == 1
        yield Section("Error by noise level", [*_losses(findings)], is_narrow)
    if findings.swept:
        yield Section("Guidance", [*_sweep(findings)], is_narrow=True)
    if findings.enlarged:
        yield Section("Enlargement", [*_enlarged(findings)])
    yield Section("Real and drawn, seen by features", [_map(findings)], is_narrow=True)
    if findings.bias is not None:
        yield Section("Few pictures make a distance too large", [*_bias(findings)], is_narrow=True)


def _measures(findings: Findings) -> Iterator[Block]:
    yield Doubts(findings.doubts)
    others = {each.name: each.found for each in findings.of_held_out}
    count = 0 if findings.held_out is None else len(findings.held_out.pictures)
    count = min(count, len(findings.pictures))
    columns = ["measure", "", f"{len(findings.pictures)} drawn"]
    columns += [f"{count} real, held out"] * bool(others)
    yield Table(columns, [_row(each, others) for each in findings.measures])
    yield Text(
        "In brackets: where the true value is with 95 % confidence, by bootstrap or Wilson. "
        "The bootstrap takes the bias of a Fréchet distance away, so its interval may lie below "
        "the value. Real pictures that training did not see, judged as if they had been drawn, "
        "say how good a measure can get."
    )


def _row(measure: Measure, others: dict[str, Interval]) -> list[str]:
    arrow = {"lower": "↓", "higher": "↑"}.get(measure.is_better, "")
    row = [measure.title, arrow, measured(measure.found)]
    if others:
        row.append(measured(others[measure.name]) if measure.name in others else "")
    return row


def _samples(findings: Findings) -> Block:
    count = min(SAMPLES, len(findings.pictures))
    return Sheet([_shown(findings, place) for place in range(count)])


def _neighbours(findings: Findings) -> Iterator[Block]:
    distances = findings.neighbours.distances[:, 0]
    yield Text(
        "The drawn pictures that come nearest to a training picture: left as drawn, right the "
        "training picture. Where drawn pictures are much nearer than real ones that training "
        "did not see, they are copies."
    )
    closest = distances.argsort()[:NEIGHBOURS].tolist()
    pairs = []
    for place in closest:
        row = int(findings.neighbours.indices[place, 0])
        pair = [findings.pictures.picture(place), findings.trained.pictures.picture(row)]
        note = f"at {number(float(distances[place]))}"
        pairs.append(Shown(pair, _said(findings, place), note))
    yield Sheet(pairs)
    sets = {"drawn": distances.numpy()}
    if findings.held_out_distances is not None:
        sets["real, held out"] = findings.held_out_distances.numpy()
    yield Plot(plot_distances(sets), "How near pictures are to training pictures")


def _extremes(findings: Findings) -> Iterator[Block]:
    by = "how near real pictures are"
    if findings.judge is not None:
        by = f"{findings.judge.title}, then by {by}"
    yield Text(f"Ordered by {by}. The best:")
    yield Sheet([_shown(findings, place) for place in findings.ranking[:EXTREMES]])
    yield Text("The worst:")
    yield Sheet([_shown(findings, place) for place in findings.ranking[: -EXTREMES - 1 : -1]])


def _losses(findings: Findings) -> Iterator[Block]:
    yield Text(
        "How well true pictures are seen through each amount of noise. Where the line of held-out "
        "pictures lies above the other, pictures were learnt by heart."
    )
    lines = {
        stage: {name: _line(curve) for name, curve in curves.items()}
        for stage, curves in findings.losses.items()
    }
    yield Plot(plot_losses(lines), "Error of the estimate by log-SNR")


def _sweep(findings: Findings) -> Iterator[Block]:
    swept = findings.swept
    title = "" if findings.judge is None else findings.judge.title
    rows = [
        [
            f"{each.scale:g}",
            measured(each.fidelity),
            *([] if each.alignment is None else [measured(each.alignment)]),
        ]
        for each in swept
    ]
    yield Plot(_swept_plot(findings, title), "Fidelity against alignment at several scales")
    columns = ["scale", "kernel distance x 1000 ↓"]
    yield Table([*columns, *([f"{title} ↑"] if findings.judge else [])], rows)


def _swept_plot(findings: Findings, title: str) -> bytes:
    scales = [each.scale for each in findings.swept]
    alignments = [each.alignment for each in findings.swept if each.alignment is not None]
    return plot_sweep(
        scales,
        _with_ends(scales, [each.fidelity for each in findings.swept]),
        _with_ends(scales, alignments) if alignments else None,
        ("kernel distance x 1000", title),
    )


def _with_ends(places: Sequence[float], found: Sequence[Interval]) -> Line:
    return places, [each.value for each in found], [(each.high - each.low) / 2 for each in found]


def _enlarged(findings: Findings) -> Iterator[Block]:
    yield Text(
        "True pictures that training did not see, made small and enlarged again by one stage "
        "alone. Consistency: the result made small once more, beside what it was made from."
    )
    columns = ["stage", "to", "by", "PSNR, dB", "SSIM", "consistency, dB", "beyond bicubic, dB"]
    rows = []
    for each in findings.enlarged:
        beyond = each.beyond_bicubic
        more = "" if beyond is None else f"{beyond.difference:+.2f}  (p = {number(beyond.p)})"
        numbers = [measured(value) for value in (each.psnr, each.ssim, each.consistency)]
        rows.append([str(each.stage), f"{each.size} px", each.way, *numbers, more])
    yield Table(columns, rows)


def _map(findings: Findings) -> Block:
    title = "each point a picture: near ones look alike to the feature network"
    return Plot(plot_map(findings.places, title), "Features of real and drawn pictures")


def _bias(findings: Findings) -> Iterator[Block]:
    bias = findings.bias
    assert bias is not None, "asked for only where it was measured"
    inverse = [1 / count for count in bias.counts]
    yield Plot(plot_bias(inverse, bias.distances, bias.limit), "Distance over 1 / N")
    yield Text(
        f"Of endlessly many pictures the Fréchet distance would be about {number(bias.limit)}: "
        "compare runs by this number, or at one number of pictures."
    )


def _shown(findings: Findings, place: int) -> Shown:
    picture: Image.Image = findings.pictures.picture(place)
    return Shown([picture], _said(findings, place), *_verdict(findings, place))


def _said(findings: Findings, place: int) -> str:
    return findings.pictures.captions[place] or "(no caption)"


def _verdict(findings: Findings, place: int) -> tuple[str, str]:
    """Return a note and a mark for a picture that was judged."""
    if findings.judge is None or findings.judged.scores is None:
        return "", ""
    score = float(findings.judged.scores[place])
    if findings.judge.is_verdict:
        return "", "right" if score else "wrong"
    return number(score), ""


def _line(curve: ErrorCurve) -> Line:
    return curve.log_snrs, curve.means, np.asarray(curve.standard_errors).tolist()
