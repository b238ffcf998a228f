"""Is one run better than another? The same captions and seeds by both, picture beside picture.

Pictures of one caption and seed belong together, so differences are told apart from chance with far
fewer of them than two separate evaluations would need.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from minimagen.evaluation.bootstrap import Paired, mean, paired
from minimagen.evaluation.evaluate import Plan, draw
from minimagen.evaluation.features import FeatureNetwork
from minimagen.evaluation.frechet import frechet_to
from minimagen.evaluation.judged import Bars, Judged, look_at
from minimagen.evaluation.judges import CaptionJudge, judge_for
from minimagen.evaluation.kernel import polynomial, resampled_mmd
from minimagen.evaluation.measures import KID_SCALE, LEAST
from minimagen.evaluation.memorisation import nearest
from minimagen.evaluation.noise_levels import ErrorCurve, error_curve
from minimagen.evaluation.pictures import Pictures, first_readable
from minimagen.evaluation.truth import Seen, Truth, seen_by
from minimagen.imagen import Imagen

ERRORS_OF = 32  # held-out pictures
REAL = 1000  # real pictures that kernels are taken of
ROUNDED = 6  # digits behind the point of it: sums in other orders are no difference
DRAWS = 200  # of the bootstrap and of swaps, where a whole set is measured each time


@dataclass(frozen=True)
class Difference:
    """One measure of both.

    Args:
        name: in ``report.json``.
        title: for people.
        a: of the first run.
        b: of the second.
        found: how much more the first has, and whether that may be chance.
        is_better: ``lower`` or ``higher``.
    """

    name: str
    title: str
    a: float
    b: float
    found: Paired
    is_better: str

    def better(self, level: float = 0.05) -> str:
        """Return ``A`` or ``B``, whichever is better; empty where that may well be chance."""
        if self.found.p > level or self.a == self.b:
            return ""
        return "A" if (self.a > self.b) == (self.is_better == "higher") else "B"


@dataclass(frozen=True)
class Comparison:
    """All that was found out.

    Args:
        pictures: of both runs.
        judged: what was seen of them.
        judge: who judged them by their captions; None where nobody can.
        differences: measure by measure.
        errors: of the base on held-out pictures by noise level, by run; empty where the two
            cannot be compared.
    """

    pictures: tuple[Pictures, Pictures]
    judged: tuple[Judged, Judged]
    judge: CaptionJudge | None
    differences: list[Difference]
    errors: Mapping[str, ErrorCurve]


def compare(
    runs: Mapping[str, Imagen],
    captions: Sequence[str],
    truth: Truth,
    network: FeatureNetwork,
    plan: Plan,
    folder: Path,
    bars: Bars,
) -> Comparison:
    """Draw with both, and compare picture by picture.

    Args:
        runs: two of them, by what they are called.
        captions: drawn in turn, as many pictures as the plan says.
        truth: the real pictures.
        network: sees likeness.
        plan: how many pictures, of which size, how they are drawn.
        folder: gets a folder of pictures for each run.
        bars: shows how far it is.
    """
    folders = [folder / name for name in ("a", "b")]
    a, b = (
        draw(imagen, captions, plan, where, bars)
        for imagen, where in zip(runs.values(), folders, strict=True)
    )
    real = seen_by(network, truth, truth.training, plan.size, bars, "real pictures")
    judge = judge_for(truth.data, a.captions, network)
    judged = look_at(a, network, judge, bars), look_at(b, network, judge, bars)
    errors = _errors(runs, truth, plan.seed, bars)
    differences = [*_by_picture(judged, judge, real, plan.seed), *_by_set(judged, real, plan.seed)]
    if errors:
        differences.append(_of_errors(list(errors.values()), plan.seed))
    return Comparison((a, b), judged, judge, differences, errors)


def _by_picture(
    judged: tuple[Judged, Judged], judge: CaptionJudge | None, real: Seen, seed: int
) -> list[Difference]:
    a, b = judged
    found = []
    if judge is not None and a.scores is not None and b.scores is not None:
        found.append(_difference(judge.name, judge.title, a.scores, b.scores, "higher", seed))
    near = [nearest(each.features, real.reference.features, LEAST - 1) for each in judged]
    far_a, far_b = (each.distances[:, -1] for each in near)
    title = "distance of a picture to real ones"
    found.append(_difference("distance_to_real", title, far_a, far_b, "lower", seed))
    return found


def _by_set(judged: tuple[Judged, Judged], real: Seen, seed: int) -> list[Difference]:
    a, b = (each.features for each in judged)
    frechet = frechet_to(real.reference.statistics)
    some = real.reference.features[:REAL]
    distance = resampled_mmd(torch.cat([a, b]), some, polynomial)
    everyone = torch.arange(len(some))

    def kernel(rows: Tensor) -> float:
        return round(KID_SCALE * distance(rows, everyone), ROUNDED)

    rows = torch.arange(2 * len(a))
    return [
        _difference("frechet_distance", "Fréchet distance", a, b, "lower", seed, frechet),
        _difference(
            "kernel_distance",
            "kernel distance x 1000",
            rows[: len(a)],
            rows[len(a) :],
            "lower",
            seed,
            kernel,
        ),
    ]


def _of_errors(curves: Sequence[ErrorCurve], seed: int) -> Difference:
    """Compare errors of the same pictures under the same noise, each a mean over noise levels."""
    a, b = (curve.errors.mean(dim=0) for curve in curves)
    return _difference("held_out_error", "error on held-out pictures", a, b, "lower", seed)


def _difference(
    name: str,
    title: str,
    a: Tensor,
    b: Tensor,
    is_better: str,
    seed: int,
    measure: Callable[[Tensor], float] | None = None,
) -> Difference:
    if measure is None:
        found = paired(a, b, seed=seed)
        return Difference(name, title, mean(a), mean(b), found, is_better)
    found = paired(a, b, measure, draws=DRAWS, seed=seed)
    return Difference(name, title, measure(a), measure(b), found, is_better)


def _errors(
    runs: Mapping[str, Imagen], truth: Truth, seed: int, bars: Bars
) -> dict[str, ErrorCurve]:
    """Measure both bases on the same pictures; only where they are of one size."""
    bases = {name: imagen.stages[0] for name, imagen in runs.items()}
    sizes = {stage.config.size for stage in bases.values()}
    if len(sizes) > 1:
        return {}
    true = first_readable(truth.source, truth.held_out, sizes.pop(), ERRORS_OF)
    with bars("errors by noise level", len(runs)) as told:
        curves = {}
        for name, imagen in runs.items():
            curves[name] = error_curve(imagen, bases[name], true, seed)
            told(1)
    levels = {curve.log_snrs for curve in curves.values()}
    return curves if len(levels) == 1 else {}
