"""How many features a set of pictures has, their mean and their covariance.

That is all the Fréchet distance asks of a set, so it is what is kept of a data set: one file, made
once. Sets can be looked at a batch at a time, or in parts, and the parts put together.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from minimagen.cache import write_beside
from minimagen.errors import DataError

FORMAT = "minimagen statistics 1"  # in the file's header


@dataclass(frozen=True)
class Statistics:
    """What is known of the features of a set of pictures; float64, on the CPU.

    Args:
        count: of the pictures, N.
        mean: (D,).
        covariance: (D, D), the unbiased estimate; zeros of a single picture.
    """

    count: int
    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Self:
        """Measure features (N, D) of at least one picture."""
        assert features.ndim == 2, "features are (N, D)"
        assert len(features), "a set has at least one picture"
        x = features.detach().to("cpu", torch.float64)
        mean = x.mean(dim=0)
        away = x - mean
        return cls(len(x), mean, away.T @ away / max(1, len(x) - 1))

    @property
    def width(self) -> int:
        """Numbers per picture, D."""
        return len(self.mean)

    def merged(self, other: Self) -> Self:
        """Return the statistics of both sets together.

            M = M_a + M_b + (mean_b - mean_a)(mean_b - mean_a)^T  N_a N_b / N,   M = (N - 1) C

        It is exact up to rounding, however far apart the means are.
        Source: Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm", eq. 2.1.
        """
        count = self.count + other.count
        away = other.mean - self.mean
        scatter = self._scatter() + other._scatter()
        scatter += torch.outer(away, away) * (self.count * other.count / count)
        mean = self.mean + away * (other.count / count)
        return type(self)(count, mean, scatter / (count - 1))

    def update(self, features: Tensor) -> Self:
        """Return the statistics with the features (N, D) of more pictures."""
        return self.merged(type(self).of(features))

    def save(self, path: Path) -> None:
        """Write one safetensors file beside its place and rename it; equal statistics, equal bytes.

        Raises:
            OSError: when it cannot be written.
        """
        header = {"statistics": json.dumps({"format": FORMAT, "count": self.count})}
        tensors = {"mean": self.mean, "covariance": self.covariance.contiguous()}
        write_beside(path, save(tensors, metadata=header))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            DataError: when there is no such file, or it holds something else.
        """
        try:
            with safe_open(path, framework="pt") as file:
                header = json.loads((file.metadata() or {}).get("statistics", "{}"))
                mean, covariance = file.get_tensor("mean"), file.get_tensor("covariance")
        except (OSError, ValueError, SafetensorError) as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else "cannot be read"
            raise _refusal(path, reason) from None
        fits = covariance.shape == (len(mean), len(mean)) and mean.dtype == torch.float64
        if header.get("format") != FORMAT or not fits:
            raise _refusal(path, "holds no statistics of this version")
        return cls(int(header["count"]), mean, covariance)

    def _scatter(self) -> Tensor:
        return self.covariance * (self.count - 1)


def _refusal(path: Path, reason: str) -> DataError:
    return DataError(f"{path}: {reason}; give a file of reference statistics, or have it made anew")
