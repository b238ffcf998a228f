"""A training directory as all processes but the first have it: they read, and write nothing."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from PIL import Image
from torch import Tensor

from minimagen.checkpoint import Json
from minimagen.data.items import Rejection
from minimagen.training.config import TrainingConfig
from minimagen.training.directory import Measured, TrainingDirectory
from minimagen.training.origin import DataRecord
from minimagen.weights import Weights


class Bystander(TrainingDirectory):
    """Does nothing wherever a training directory would write."""

    def save_configuration(self, training: TrainingConfig) -> None:
        """Leave it to the first process, like all below."""

    def save_data_record(self, record: DataRecord) -> None:
        """Leave it."""

    def save_rejections(self, rejections: Iterable[Rejection]) -> None:
        """Leave it."""

    def save_samples(self, stage: int, step: int, picture: Image.Image) -> None:
        """Leave it."""

    def save_preview(self, name: str, picture: Image.Image) -> None:
        """Leave it."""

    def save_weights(self, stage: int, weights: Weights, tensors: dict[str, Tensor]) -> None:
        """Leave it."""

    def save_checkpoint(
        self,
        stage: int,
        step: int,
        tensors: Mapping[str, Mapping[str, Tensor]],
        state: Mapping[str, Json],
    ) -> None:
        """Leave it."""

    def save_snapshots(
        self, stage: int, averages: Mapping[float, Mapping[str, Tensor]], step: int, updates: int
    ) -> None:
        """Leave it."""

    def lock(self, stage: int) -> AbstractContextManager[None]:
        """Work under the lock of the first process."""
        return nullcontext()

    def session(self, device: torch.device) -> AbstractContextManager[None]:
        """Leave it."""
        return nullcontext()

    def sweep(self, stage: int) -> None:
        """Leave it."""

    def note(self, *lines: str) -> None:
        """Leave it."""

    def measure(self, **values: Measured) -> None:
        """Leave it."""

    def forget_after(self, stage: int, step: int) -> None:
        """Leave it."""
