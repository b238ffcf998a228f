"""What :mod:`minimagen.evaluation` says of a stage while it is being trained, cheaply.

A base draws captions, and its pictures are judged beside real ones; an upper stage enlarges true
pictures. The same captions, seeds and real pictures each time: numbers of one run compare. Nothing
is drawn from where training draws, so what is learnt stays the same to the byte.
"""

from dataclasses import dataclass

import torch

from minimagen.evaluation.bootstrap import mean
from minimagen.evaluation.enlargement import enlarged_by, psnr
from minimagen.evaluation.features import FeatureNetwork, features_of, load_features
from minimagen.evaluation.frechet import frechet_to
from minimagen.evaluation.judges import judge_for
from minimagen.evaluation.kernel import kernel_distance
from minimagen.evaluation.manifold import precision_recall
from minimagen.evaluation.measures import KID_SCALE, LEAST
from minimagen.evaluation.references import reference_of
from minimagen.runtime import autocast
from minimagen.stage import Stage
from minimagen.training.config import EvaluationConfig
from minimagen.training.run import Evaluator, Run
from minimagen.training.samples import Redrawn, redraw
from minimagen.training.validation import ValidationSet

BATCH = 16  # pictures drawn at a time


def evaluator_of(
    config: EvaluationConfig | None, device: torch.device | str = "cpu"
) -> Evaluator | None:
    """Make what judges on the way; None where that is not asked for.

    Raises:
        ConfigError: when the feature network's weights are not there.
    """
    return None if config is None else OnTheWay(config, load_features(config.features, device))


@dataclass(frozen=True)
class OnTheWay:
    """Judges one stage after the other; an :data:`Evaluator`.

    Args:
        config: how much is drawn.
        network: sees likeness.
    """

    config: EvaluationConfig
    network: FeatureNetwork

    def __call__(self, run: Run, stage: Stage, shown: ValidationSet) -> dict[str, float]:
        """Draw the captions of validation pictures, or enlarge these, and judge."""
        with autocast(stage.device, run.precision):
            parts = [
                redraw(stage, part, run.config.seed, numbers, self.config.steps)
                for numbers, part in shown.parts(BATCH)
            ]
        if stage.smaller is not None:
            return _of_enlarged(parts, stage.config.size)
        return self._of_drawn(run, stage, parts) | self._by_captions(run, parts, shown.captions)

    def _of_drawn(self, run: Run, stage: Stage, parts: list[Redrawn]) -> dict[str, float]:
        real = reference_of(
            run.source, run.training[: self.config.real], stage.config.size, self.network
        )
        drawn = features_of(self.network, (part.drawn for part in parts))
        if min(len(drawn), len(real.features)) < LEAST:
            return {}
        shares = precision_recall(real.features[: len(drawn)], drawn)
        return {
            "frechet_distance": frechet_to(real.statistics)(drawn),
            "kernel_distance": KID_SCALE * kernel_distance(drawn, real.features),
            "precision": mean(shares.precision),
            "recall": mean(shares.recall),
        }

    def _by_captions(
        self, run: Run, parts: list[Redrawn], captions: tuple[str, ...]
    ) -> dict[str, float]:
        judge = judge_for(run.config.data, captions, self.network)
        if judge is None:
            return {}
        waiting = iter(captions)
        scores = [
            judge.score(part.drawn.cpu(), [next(waiting) for _ in part.drawn]) for part in parts
        ]
        return {judge.name: mean(torch.cat(scores))}


def _of_enlarged(parts: list[Redrawn], size: int) -> dict[str, float]:
    """Measure how true enlarged pictures are, and how much truer than bicubic ones."""
    ours, bicubic = [], []
    for part in parts:
        assert part.smaller is not None, "an upper stage is given small pictures"
        originals = part.originals.cpu()
        ours.append(psnr(part.drawn.cpu(), originals))
        if originals.shape[2] == originals.shape[3] == size:  # a filter's squares
            bicubic.append(psnr(enlarged_by("bicubic", part.smaller.cpu(), size), originals))
    found = {"psnr": mean(torch.cat(ours))}
    if len(bicubic) == len(ours):
        found["psnr_beyond_bicubic"] = found["psnr"] - mean(torch.cat(bicubic))
    return found
