"""Where networks run: devices, precision, and one process or several. accelerate's only door."""

from minimagen.runtime.allocator import keep_freed_memory
from minimagen.runtime.devices import pick_device, processor_name
from minimagen.runtime.joining import joined
from minimagen.runtime.precision import (
    Precision,
    autocast,
    load_scaler,
    loss_scaler,
    pick_precision,
    scaler_tensors,
)
from minimagen.runtime.processes import Processes
from minimagen.runtime.residency import visiting
from minimagen.runtime.sharding import (
    Sharding,
    bare,
    is_sharded,
    load_whole,
    parted_as,
    undivided,
)

__all__ = [
    "Precision",
    "Processes",
    "Sharding",
    "autocast",
    "bare",
    "is_sharded",
    "joined",
    "keep_freed_memory",
    "load_scaler",
    "load_whole",
    "loss_scaler",
    "parted_as",
    "pick_device",
    "pick_precision",
    "processor_name",
    "scaler_tensors",
    "undivided",
    "visiting",
]
