"""What pictures are judged by: the data set of a run, split as the run split it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from minimagen import seeds
from minimagen.data.items import Source
from minimagen.data.sources import DataConfig, open_source
from minimagen.data.split import split
from minimagen.evaluation.features import FeatureNetwork
from minimagen.evaluation.judged import Bars
from minimagen.evaluation.pictures import FromSource
from minimagen.evaluation.references import Reference, reference_of
from minimagen.training.config import TrainingConfig

MOST = 2000  # real pictures of each split that are looked at


@dataclass(frozen=True)
class Truth:
    """A data set in two parts.

    Args:
        data: which data set.
        source: its pictures.
        training: what the run was trained on.
        held_out: what it was not; as the training part, where nothing was held out.
    """

    data: DataConfig
    source: Source
    training: Sequence[int]
    held_out: Sequence[int]

    @classmethod
    def of(cls, run: TrainingConfig, size: int, most: int = MOST) -> Self:
        """Open a run's data set.

        Args:
            run: says which data set, and how it was split.
            size: side at which pictures are looked at, in pixels.
            most: pictures of each part, taken by chance.

        Raises:
            DataError: when there is nothing in it.
        """
        source, _ = open_source(run.data, check_size=size)
        training, held_out = split(len(source), run.train_fraction, run.seed)
        parts = (_some(part, most, run.seed) for part in (training, held_out or training))
        return cls(run.data, source, *parts)

    @property
    def captions(self) -> list[str]:
        """The first caption of each picture that training did not see."""
        return [self.source.captions(index)[0] for index in self.held_out]

    @property
    def has_held_out(self) -> bool:
        """Whether anything was held out of training."""
        return self.held_out is not self.training and self.held_out != self.training


@dataclass(frozen=True)
class Seen:
    """Real pictures, and how a feature network sees them.

    Args:
        reference: statistics and features.
        pictures: those whose features these are, in their order.
    """

    reference: Reference
    pictures: FromSource


def seen_by(
    network: FeatureNetwork, truth: Truth, indices: Sequence[int], size: int, bars: Bars, title: str
) -> Seen:
    """Look at real pictures, or remember them.

    Args:
        network: looks.
        truth: the data set.
        indices: which of its pictures.
        size: at which side, in pixels.
        bars: shows how far it is.
        title: of the bar.
    """
    with bars(title, len(indices)) as told:
        reference = reference_of(truth.source, indices, size, network, told=told)
    return Seen(reference, FromSource(truth.source, reference.indices.tolist(), size))


def with_dataset(run: TrainingConfig, dataset: str | None) -> TrainingConfig:
    """Return a run as if it had been trained on another data set; None leaves its own."""
    return run if dataset is None else replace(run, data=replace(run.data, dataset=dataset))


def _some(indices: Sequence[int], most: int, seed: int) -> Sequence[int]:
    if len(indices) <= most:
        return indices
    order = seeds.permutation(len(indices), seed, "real pictures").tolist()[:most]
    return [indices[place] for place in sorted(order)]
