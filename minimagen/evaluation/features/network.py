"""What a feature network is. Nothing that measures knows more of it than this."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor


class FeatureNetwork(Protocol):
    """Turns pictures into vectors."""

    @property
    def name(self) -> str:
        """What it is called in tables and reports."""

    @property
    def width(self) -> int:
        """Numbers per picture, D."""

    @property
    def identity(self) -> str:
        """All that the features depend on, a hash of the weights among it."""

    def __call__(self, images: Tensor) -> Tensor:
        """Return features of pictures in [-1, 1]; (B, 3, H, W) -> (B, D), float32, on the CPU."""


@runtime_checkable
class ClassifyingNetwork(FeatureNetwork, Protocol):
    """A feature network that also names what it sees."""

    def probabilities(self, images: Tensor) -> Tensor:
        """Return how likely each class is; (B, 3, H, W) -> (B, classes), rows sum to 1."""


@runtime_checkable
class ReadingNetwork(FeatureNetwork, Protocol):
    """A feature network that also reads captions, into the same space."""

    def read(self, captions: Sequence[str]) -> Tensor:
        """Return features of captions, (B, D), float32, on the CPU."""
