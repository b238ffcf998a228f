"""Everything that is asked of a set of drawn pictures beside a set of real ones, with its interval.

What a measure is, the module it comes from says; here it gets its name, its interval, and which
way is better. All of one list are of as many drawn pictures as real ones where that matters.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from minimagen.evaluation.bootstrap import DRAWS, Interval, interval, mean
from minimagen.evaluation.features import FeatureNetwork, ReadingNetwork
from minimagen.evaluation.frechet import frechet_to
from minimagen.evaluation.inception_score import inception_score
from minimagen.evaluation.kernel import CMMD_SCALE, gaussian, polynomial, resampled_mmd
from minimagen.evaluation.manifold import K_DENSE, density_coverage, precision_recall
from minimagen.evaluation.memorisation import authenticity
from minimagen.evaluation.references import Reference
from minimagen.evaluation.shares import share

KID_SCALE = 1000.0  # as it is usually told
ENOUGH = 2  # pictures for each number of a feature vector, for a covariance that means something
BIASED = 0.1  # share of a distance that its bias may be, without a word
FEW = 100  # pictures below which shares of neighbours say little
LEAST = K_DENSE + 1  # pictures that anything can be said of


@dataclass(frozen=True)
class Measure:
    """A number that is known within an interval.

    Args:
        name: in ``report.json`` and ``metrics.jsonl``.
        title: for people.
        found: its value and interval.
        is_better: ``lower`` or ``higher``; empty where neither is.
    """

    name: str
    title: str
    found: Interval
    is_better: str


def of_sets(
    drawn: Tensor,
    real: Reference,
    network: FeatureNetwork,
    *,
    probabilities: Tensor | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Measure]:
    """Compare drawn pictures with real ones.

    Args:
        drawn: features, (N, D), at least :data:`LEAST`.
        real: as many or more.
        network: whose features they are.
        probabilities: of its classes for each drawn picture, (N, classes), where it knows classes.
        draws: of the bootstrap.
        seed: of the bootstrap.
    """
    again = partial(interval, draws=draws, seed=seed)
    frechet = again(frechet_to(real.statistics), drawn, within=(0.0, torch.inf))
    found = [Measure("frechet_distance", f"Fréchet distance, {network.name}", frechet, "lower")]
    kernel = _of_kernel(again, drawn, real.features, polynomial, KID_SCALE)
    found.append(Measure("kernel_distance", "kernel distance (KID) x 1000", kernel, "lower"))
    if isinstance(network, ReadingNetwork):
        unit = torch.nn.functional.normalize
        cmmd = _of_kernel(again, unit(drawn), unit(real.features), gaussian, CMMD_SCALE)
        found.append(Measure("clip_distance", "CMMD", cmmd, "lower"))
    found += _by_neighbours(drawn, real.features)
    if probabilities is not None:
        score = again(inception_score, probabilities)
        found.append(
            Measure("inception_score", f"Inception score, {network.name}", score, "higher")
        )
    return found


def _by_neighbours(drawn: Tensor, real: Tensor) -> Iterator[Measure]:
    count = min(len(drawn), len(real))
    some, other = drawn[:count], real[:count]
    shares = precision_recall(other, some)
    dense = density_coverage(other, some)
    yield _share("precision", "precision: drawn that could be real", shares.precision)
    yield _share("recall", "recall: real that could be drawn", shares.recall)
    density = interval(mean, dense.density, within=(0.0, torch.inf))
    yield Measure("density", "density", density, "higher")
    yield _share("coverage", "coverage", dense.coverage)
    own = authenticity(drawn, real)
    title = "authenticity: drawn that are no copies (about 0.5 is fresh)"
    yield Measure("authenticity", title, share(int(own.sum()), len(own)), "")


def of_scores(name: str, title: str, scores: Tensor) -> Measure:
    """Average a score of each picture, (N,); of those that are 0 or 1 it is a share."""
    if bool(((scores == 0) | (scores == 1)).all()):
        return _share(name, title, scores)
    return Measure(name, title, interval(mean, scores), "higher")


def doubts(drawn: int, real: int, width: int, found: list[Measure]) -> list[str]:
    """Say why the numbers may mean less than they seem to.

    Args:
        drawn: pictures.
        real: pictures they are compared with.
        width: of the features, D.
        found: what was measured.
    """
    lines = []
    for count, what in ((drawn, "drawn"), (real, "real")):
        if count < ENOUGH * width:
            lines.append(
                f"{count} {what} pictures are few for a covariance of {width} features: the "
                f"Fréchet distance is biased; {ENOUGH * width} or more would be enough"
            )
    frechet = next(each.found for each in found if each.name == "frechet_distance")
    if frechet.bias > BIASED * frechet.value:
        lines.append(
            f"about {frechet.bias:.3g} of the Fréchet distance of {frechet.value:.3g} comes from "
            f"there being {drawn} pictures only: compare it with that of as many pictures, or "
            "compare the kernel distance, which has no such bias"
        )
    if min(drawn, real) < FEW:
        lines.append(
            f"precision, recall, density and coverage of {min(drawn, real)} pictures are rough; "
            f"give {FEW} or more"
        )
    return lines


def _share(name: str, title: str, values: Tensor) -> Measure:
    return Measure(name, title, share(int(values.sum()), len(values)), "higher")


def _of_kernel(
    again: partial[Interval], drawn: Tensor, real: Tensor, kernel: object, scale: float
) -> Interval:
    measure = resampled_mmd(drawn, real, kernel)  # type: ignore[arg-type]
    rows = torch.arange(len(drawn)), torch.arange(len(real))
    found = again(measure, *rows)
    return Interval(*(scale * each for each in (found.value, found.low, found.high, found.bias)))
