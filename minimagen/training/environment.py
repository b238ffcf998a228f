"""What the bytes of a run depend on besides its parameters and its data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from minimagen.runtime import Processes


@dataclass(frozen=True)
class Environment:
    """Where a part of a run was computed.

    Args:
        library: torch and its version.
        device: kind of the device, as ``cpu``.
        threads: that torch computes with.
        processes: that fit a stage together.
    """

    library: str
    device: str
    threads: int
    processes: int = 1

    @classmethod
    def here(cls, processes: Processes) -> "Environment":
        """Describe this process and those beside it."""
        threads, count = torch.get_num_threads(), processes.count
        return cls(f"torch {torch.__version__}", processes.device.type, threads, count)

    def changes_since(self, before: Mapping[str, Any]) -> list[str]:
        """Say what has changed, a phrase each."""
        return [
            f"{name} was {before[name]} and is {value}"
            for name, value in asdict(self).items()
            if before.get(name, value) != value
        ]
