"""How the learning rate changes along a run: it warms up, stays, and falls.

A fall is a pure function from the share of it that is still ahead, in [0, 1], to a share of the
peak rate. Nothing here has a state: the rate of a step follows from its number and the length.
"""

import math
from collections.abc import Callable

from minimagen.training.config import AdamWConfig, RateKind

DECAY_SHARES: dict[RateKind, float] = {"constant": 0.0, "linear": 0.2, "cosine": 1.0, "wsd": 0.2}
"""Over which last share of a run each kind falls, where the configuration does not say."""


def linear(ahead: float) -> float:
    """Fall evenly."""
    return ahead


def cosine(ahead: float) -> float:
    """Fall along half a cosine.  Loshchilov & Hutter 2016 (arXiv:1608.03983)."""
    return (1 - math.cos(math.pi * ahead)) / 2


def one_minus_root(ahead: float) -> float:
    """Fall fast, then slowly: 1 - sqrt(done).  Hägele et al. 2024 (arXiv:2405.18392).

    It ends the plateau of "warm-up, stable, decay".  Hu et al. 2024 (arXiv:2404.06395).
    """
    return 1 - math.sqrt(1 - ahead)


FALLS: dict[RateKind, Callable[[float], float]] = {
    "linear": linear,
    "cosine": cosine,
    "wsd": one_minus_root,
}


def rate_factor(step: int, steps: int, config: AdamWConfig) -> float:
    """Return the share of the peak rate at a step: the lower one of warm-up and fall.

    Args:
        step: optimizer steps done so far, from 0 to ``steps``.
        steps: length of the run.
        config: which kind, its warm-up and its fall.
    """
    warmup = min(1.0, (step + 1) / (config.warmup_steps + 1))
    share = DECAY_SHARES[config.rate] if config.decay_share is None else config.decay_share
    decay_steps, left = share * steps, steps - step
    return warmup if left >= decay_steps else min(warmup, FALLS[config.rate](left / decay_steps))
