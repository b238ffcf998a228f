"""How good a run is: pictures drawn or brought, judged by real ones.

    real pictures -> features, remembered        drawn pictures -> features, scores by caption
    both -> measures with intervals, doubts, neighbours, ranking, bias, a map
    the cascade itself -> errors by noise level, enlargement, guidance

How it is shown, ``report`` decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from minimagen.errors import UsageError
from minimagen.evaluation.drawn import cycled, drawings
from minimagen.evaluation.embedding import Layout, laid_out
from minimagen.evaluation.features import FeatureNetwork
from minimagen.evaluation.frechet import LEAST_EXTRAPOLATED, Extrapolation, extrapolated
from minimagen.evaluation.judged import Bars, Judged, look_at
from minimagen.evaluation.judges import CaptionJudge, judge_for
from minimagen.evaluation.measures import LEAST, Measure, doubts, of_scores, of_sets
from minimagen.evaluation.memorisation import Neighbours, nearest
from minimagen.evaluation.noise_levels import ErrorCurve, error_curve
from minimagen.evaluation.pictures import Pictures, first_readable, saved
from minimagen.evaluation.super_resolution import Enlarged, enlargements
from minimagen.evaluation.sweep import PICTURES as SWEPT
from minimagen.evaluation.sweep import SCALES, Swept, sweep
from minimagen.evaluation.truth import Seen, Truth, seen_by
from minimagen.imagen import Imagen

PARTS = "loss", "enlarging", "sweep"  # what the cascade itself is asked, besides its pictures
ERRORS_OF_BASE, ERRORS_OF_UPPER = 32, 4  # pictures of each split whose errors are measured


@dataclass(frozen=True)
class Plan:
    """What is asked for.

    Args:
        pictures: how many are drawn.
        size: their side in pixels.
        seed: of every draw.
        parts: which of :data:`PARTS`.
        scales: of guidance that are swept.
        layout: of the map of features.
        batch_size: pictures drawn at a time; None is what suits the device.
        how: sampler, steps, guidance_scale, as :meth:`Imagen.plan` takes them.
    """

    pictures: int
    size: int
    seed: int = 0
    parts: tuple[str, ...] = PARTS
    scales: tuple[float, ...] = SCALES
    layout: Layout = "pca"
    batch_size: int | None = None
    how: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Findings:
    """All that was found out.

    Args:
        pictures: what was judged.
        judged: what was seen of them.
        judge: who judged them by their captions; None where nobody can.
        trained: pictures of the training split.
        held_out: pictures that training did not see; None where nothing was held out.
        measures: of the drawn pictures.
        of_held_out: the same measures of held-out real pictures, which nobody can beat by much.
        doubts: why the numbers may mean less than they seem to.
        neighbours: the few training pictures nearest to each drawn one.
        held_out_distances: of each held-out picture to the nearest training picture, (M,).
        ranking: places of the drawn pictures, the best first.
        bias: the Fréchet distance at several numbers of pictures; None of too few.
        places: features in the plane, by the name of their set.
        losses: errors by noise level, by stage and then by split.
        enlarged: every way of enlarging, by every stage above the first.
        swept: scales of guidance.
    """

    pictures: Pictures
    judged: Judged
    judge: CaptionJudge | None
    trained: Seen
    held_out: Seen | None
    measures: list[Measure]
    of_held_out: list[Measure]
    doubts: list[str]
    neighbours: Neighbours
    held_out_distances: Tensor | None
    ranking: list[int]
    bias: Extrapolation | None
    places: dict[str, NDArray[np.float64]]
    losses: dict[str, dict[str, ErrorCurve]]
    enlarged: list[Enlarged]
    swept: list[Swept]


def draw(imagen: Imagen, captions: Sequence[str], plan: Plan, folder: Path, bars: Bars) -> Pictures:
    """Draw what is to be judged, each caption in turn, into a folder.

    Args:
        imagen: the cascade.
        captions: as many as there are; they are repeated.
        plan: how many, and how.
        folder: gets the pictures.
        bars: shows how far it is.
    """
    asked = cycled(captions, plan.pictures)
    with bars("drawing", plan.pictures) as told:
        batches = drawings(
            imagen, asked, seed=plan.seed, batch_size=plan.batch_size, told=told,
            size=plan.size, **plan.how,
        )  # fmt: skip
        return saved(folder, asked, batches, plan.size)


def evaluate(
    pictures: Pictures,
    truth: Truth,
    network: FeatureNetwork,
    plan: Plan,
    bars: Bars,
    imagen: Imagen | None = None,
) -> Findings:
    """Judge pictures, and the cascade that drew them where it is at hand.

    Raises:
        UsageError: for too few pictures, drawn or real.
    """
    if len(pictures) < LEAST:
        raise UsageError(f"{len(pictures)} pictures: judge {LEAST} or more")
    trained = seen_by(network, truth, truth.training, plan.size, bars, "training pictures")
    held_out = None
    if truth.has_held_out:
        held_out = seen_by(network, truth, truth.held_out, plan.size, bars, "held-out pictures")
    judge = judge_for(truth.data, pictures.captions, network)
    judged = look_at(pictures, network, judge, bars)
    drawn, real = judged.features, trained.reference
    measures = _measures(judged, judge, trained, network, plan.seed)
    neighbours = nearest(drawn, real.features, LEAST - 1)
    return Findings(
        pictures=pictures,
        judged=judged,
        judge=judge,
        trained=trained,
        held_out=held_out,
        measures=measures,
        of_held_out=_of_held_out(held_out, trained, network, len(pictures), plan.seed),
        doubts=doubts(len(drawn), real.statistics.count, network.width, measures),
        neighbours=neighbours,
        held_out_distances=_distances(held_out, trained),
        ranking=_ranking(judged, neighbours),
        bias=_bias(drawn, trained, plan.seed),
        places=laid_out({"real": real.features, "drawn": drawn}, plan.layout, plan.seed),
        losses=_losses(imagen, truth, plan, bars),
        enlarged=_enlarged(imagen, truth, plan, bars),
        swept=_swept(imagen, pictures.captions, trained, network, judge, plan, bars),
    )


def _measures(
    judged: Judged, judge: CaptionJudge | None, trained: Seen, network: FeatureNetwork, seed: int
) -> list[Measure]:
    found = of_sets(
        judged.features, trained.reference, network, probabilities=judged.probabilities, seed=seed
    )
    if judge is None or judged.scores is None:
        return found
    return [of_scores(judge.name, judge.title, judged.scores), *found]


def _of_held_out(
    held_out: Seen | None, trained: Seen, network: FeatureNetwork, count: int, seed: int
) -> list[Measure]:
    """Measure real pictures as if they had been drawn, as many of them where there are enough."""
    if held_out is None or len(held_out.pictures) < LEAST:
        return []
    return of_sets(held_out.reference.features[:count], trained.reference, network, seed=seed)


def _distances(held_out: Seen | None, trained: Seen) -> Tensor | None:
    if held_out is None:
        return None
    return nearest(held_out.reference.features, trained.reference.features).distances[:, 0]


def _ranking(judged: Judged, neighbours: Neighbours) -> list[int]:
    """Order pictures by their scores, and those of one score by how near real pictures are."""
    near = neighbours.distances[:, -1]
    scores = np.zeros(len(near)) if judged.scores is None else judged.scores.numpy()
    order: list[int] = np.lexsort((near.numpy(), -scores)).tolist()
    return order


def _bias(drawn: Tensor, trained: Seen, seed: int) -> Extrapolation | None:
    if len(drawn) < LEAST_EXTRAPOLATED:
        return None
    return extrapolated(drawn, trained.reference.statistics, seed=seed)


def _losses(
    imagen: Imagen | None, truth: Truth, plan: Plan, bars: Bars
) -> dict[str, dict[str, ErrorCurve]]:
    if imagen is None or "loss" not in plan.parts:
        return {}
    splits = {"trained on": truth.training}
    if truth.has_held_out:
        splits["held out"] = truth.held_out
    stages = [stage for stage in imagen.stages if stage.config.size <= plan.size]
    found: dict[str, dict[str, ErrorCurve]] = {}
    with bars("errors by noise level", len(stages) * len(splits)) as told:
        for stage in stages:
            curves = found[f"stage {stage.index}, {stage.config.size} px"] = {}
            count = ERRORS_OF_BASE if stage.smaller is None else ERRORS_OF_UPPER
            for name, indices in splits.items():
                true = first_readable(truth.source, indices, stage.config.size, count)
                curves[name] = error_curve(imagen, stage, true, plan.seed)
                told(1)
    return found


def _enlarged(imagen: Imagen | None, truth: Truth, plan: Plan, bars: Bars) -> list[Enlarged]:
    if imagen is None or "enlarging" not in plan.parts:
        return []
    return enlargements(imagen, truth.source, truth.held_out, plan.size, bars, plan.seed)


def _swept(
    imagen: Imagen | None,
    captions: Sequence[str],
    trained: Seen,
    network: FeatureNetwork,
    judge: CaptionJudge | None,
    plan: Plan,
    bars: Bars,
) -> list[Swept]:
    if imagen is None or imagen.text_encoder is None or not any(captions):
        return []
    sizes = [stage.config.size for stage in imagen.stages]
    if "sweep" not in plan.parts or plan.size not in sizes:
        return []
    how = {name: value for name, value in plan.how.items() if name != "guidance_scale"}
    return sweep(
        imagen, captions[:SWEPT], trained.reference.features[: 4 * SWEPT], network, judge, bars,
        scales=plan.scales, seed=plan.seed, size=plan.size, **how,
    )  # fmt: skip
