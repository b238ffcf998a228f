"""Which learning rate suits a stage: take a few steps at rates that grow, and watch the loss.

    rate of step i = lowest (highest / lowest)^(i / (n - 1))

The loss falls while rates are useful, is lowest where they begin to be too large, and then rises. A
tenth of the rate at the lowest loss is a safe peak.  Smith 2015 (arXiv:1506.01186), sec. 3.3.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from minimagen.errors import TrainingError
from minimagen.training.config import of_stage
from minimagen.training.fit import Fit

SMOOTHING = 0.9  # decay of the averaged loss: times and noise of one batch say little
DIVERGED = 4.0  # times the lowest loss: nothing is learnt from here on
MARGIN = 10.0  # between the rate of the lowest loss and the one suggested


@dataclass(frozen=True)
class Trial:
    """One step.

    Args:
        rate: it was taken at.
        loss: averaged up to it.
    """

    rate: float
    loss: float


def growing_rates(lowest: float, highest: float, steps: int) -> list[float]:
    """Return rates from the lowest to the highest, each larger than the last by one factor."""
    return [lowest * (highest / lowest) ** (i / max(steps - 1, 1)) for i in range(steps)]


def try_rates(take_step: Callable[[float], float], rates: Iterable[float]) -> list[Trial]:
    """Take a step at each rate, in turn, until the loss is far above its lowest or no number.

    Args:
        take_step: takes a step at a rate; returns the loss before it.
        rates: growing.
    """
    trials: list[Trial] = []
    average, lowest = 0.0, float("inf")
    for taken, rate in enumerate(rates, start=1):
        average = SMOOTHING * average + (1 - SMOOTHING) * take_step(rate)
        loss = average / (1 - SMOOTHING**taken)
        if not loss < DIVERGED * lowest:
            break
        trials.append(Trial(rate, loss))
        lowest = min(lowest, loss)
    return trials


def lowest_of(trials: list[Trial]) -> Trial:
    """Return the trial of the lowest loss.

    Raises:
        TrainingError: when the loss only rose.
    """
    best = min(trials, key=lambda trial: trial.loss, default=None)
    if best is None or best is trials[0]:
        tried = f"{trials[0].rate:g} to {trials[-1].rate:g}" if trials else "the first one on"
        raise TrainingError(
            f"no rate from {tried} lowers the loss; "
            "begin with a lower --LOWEST, or take more --STEPS of a larger --BATCH_SIZE"
        )
    return best


def suggested(trials: list[Trial]) -> float:
    """Return a safe peak rate.

    Raises:
        TrainingError: when the loss only rose.
    """
    return lowest_of(trials).rate / MARGIN


def steps_of(fit: Fit) -> Callable[[float], float]:
    """Return what takes the stage's next training step at a rate and returns the loss before it.

    Rates are those of ``learning_rate``: one of Muon's keeps its proportion.
    """
    config, stream = fit.run.config, fit.stream()
    peak = of_stage(config.optimizer.learning_rate, fit.stage.index)

    def take_step(rate: float) -> float:
        gradient = fit.learner.gradient(islice(stream, config.accumulate))
        fit.learner.update(rate / peak, updates=0)
        return float(gradient.loss)

    return take_step
