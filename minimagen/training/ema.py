"""Averaged weights, kept while training: what sampling and validation use.

``decay`` is one average that forgets at a fixed rate. ``power`` is several, whose lengths are
shares of the training so far. ``posthoc`` has their mathematics; ``snapshots`` keeps them, and
``averaging`` makes others of them after training.
"""

import copy
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

import torch
from pydantic import Discriminator, Field, Tag, model_validator
from torch import Tensor, nn

from minimagen.config import config
from minimagen.runtime import load_whole
from minimagen.training.posthoc import LONGEST, gamma_of, power_decay

N = TypeVar("N", bound=nn.Module)
Decay = Callable[[int], float]  # from the number of updates before to the decay of this one
SigmaRel = Annotated[float, Field(gt=0, le=LONGEST)]


@config
class DecayConfig:
    """One average with a fixed decay after its warm-up.

    Args:
        decay: min(decay, (1 + n) / (10 + n)) is the decay after n updates.
    """

    kind: Literal["decay"] = "decay"
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.999


@config
class PowerConfig:
    """Several averages of power-function profiles.  Karras et al. 2023 (arXiv:2312.02696).

    Args:
        sigma_rels: their lengths, as shares of the training so far; the first is the one that
            sampling and validation use. Two are enough to make any other.
        snapshot_every: optimizer steps between snapshots; None is a twentieth of the run.
    """

    kind: Literal["power"] = "power"
    sigma_rels: Annotated[tuple[SigmaRel, ...], Field(min_length=1)] = (0.05, 0.1)
    snapshot_every: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.sigma_rels)) < len(self.sigma_rels):
            raise ValueError(f"sigma_rels {list(self.sigma_rels)} name one twice; leave one out")
        return self


def _kind_of(value: Any) -> str | None:
    """Say which kind a value is; ``--SET training.ema.decay=0.9`` may be all that is said of it."""
    return value.get("kind", "decay") if isinstance(value, dict) else getattr(value, "kind", None)


EMAConfig = Annotated[
    Annotated[DecayConfig, Tag("decay")] | Annotated[PowerConfig, Tag("power")],
    Discriminator(_kind_of),
]


class EMA(Generic[N]):
    """An exponential moving average of a network's weights, in float32; buffers are copied.

    Args:
        network: the network that is trained.
        decay: of each update.
    """

    def __init__(self, network: N, decay: Decay) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, updates: int) -> None:
        """Move towards the network's weights.

        Args:
            network: the network that is trained.
            updates: how many updates came before this one.
        """
        share = 1 - self.decay(updates)
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), share)
        for average, buffer in zip(self.network.buffers(), network.buffers(), strict=True):
            average.copy_(buffer)


class Averages(Generic[N]):
    """All averages of one network.

    Args:
        network: the network that is trained.
        config: which.
    """

    def __init__(self, network: N, config: DecayConfig | PowerConfig) -> None:
        self.config = config
        self._tracked = {name: EMA(network, decay) for name, decay in _decays(config).items()}

    @property
    def network(self) -> N:
        """The average that sampling and validation use."""
        return self._tracked["ema"].network

    @property
    def by_sigma_rel(self) -> dict[float, N]:
        """The averages whose snapshots others can be made of."""
        if isinstance(self.config, DecayConfig):
            return {}
        networks = (average.network for average in self._tracked.values())
        return dict(zip(self.config.sigma_rels, networks, strict=True))

    def update(self, network: nn.Module, updates: int) -> None:
        """Move all towards the network's weights, as :meth:`EMA.update`."""
        for average in self._tracked.values():
            average.update(network, updates)

    @property
    def networks(self) -> list[N]:
        """All averages."""
        return [average.network for average in self._tracked.values()]

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """Return all that resuming needs, a group for each."""
        return {name: average.network.state_dict() for name, average in self._tracked.items()}

    def load(self, tensors: dict[str, dict[str, Tensor]]) -> None:
        """Put back what :meth:`tensors` returned, among other groups."""
        for name, average in self._tracked.items():
            load_whole(average.network, tensors[name])


def warmed_up(updates: int, *, largest: float) -> float:
    """Return min(largest, (1 + n) / (10 + n)) after n updates."""
    return min(largest, (1 + updates) / (10 + updates))


def _decays(config: DecayConfig | PowerConfig) -> dict[str, Decay]:
    """Return the decay of each average by the name of its group in a checkpoint."""
    if isinstance(config, DecayConfig):
        return {"ema": partial(warmed_up, largest=config.decay)}
    names = ["ema", *(f"ema_{sigma_rel}" for sigma_rel in config.sigma_rels[1:])]
    powers = [partial(power_decay, gamma=gamma_of(sigma_rel)) for sigma_rel in config.sigma_rels]
    return dict(zip(names, powers, strict=True))
