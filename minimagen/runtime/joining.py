"""Joining the processes that a launcher started beside this one, if it did."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from minimagen.errors import TrainingError
from minimagen.runtime.devices import pick_device, pick_own_device
from minimagen.runtime.processes import Processes

LAUNCHED = {"RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}


@contextmanager
def joined(device: str | None, go_on: str = "--RESTART_DIRECTORY") -> Iterator[Processes]:
    """Be one of the processes of ``torchrun`` or ``accelerate launch``, or one on its own.

    Args:
        device: where to compute; None is the best there is.
        go_on: the flag to continue with when another process is gone.

    Raises:
        UsageError: when the device is not here, or not one for several processes.
        TrainingError: when another process is gone.
    """
    if LAUNCHED - os.environ.keys() or int(os.environ["WORLD_SIZE"]) == 1:
        yield Processes(pick_device(device))
        return
    from minimagen.runtime.team import Team  # accelerate: seconds that one process does not wait

    team = Team(_own_device(device))
    with _loss_explained(team, go_on):
        yield team
        team.leave()


def _own_device(name: str | None) -> torch.device:
    place = int(os.environ["LOCAL_RANK"])
    return pick_own_device(name, place, int(os.environ.get("LOCAL_WORLD_SIZE", place + 1)))


@contextmanager
def _loss_explained(team: Processes, go_on: str) -> Iterator[None]:
    """Turn a broken connection into a line."""
    try:
        yield
    except RuntimeError as error:
        if not _is_lost_connection(error):
            raise
        if threading.current_thread() is threading.main_thread():
            # The launcher, too, has seen it, and ends those that are left: first they say why.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise TrainingError(
            f"process {team.rank} of {team.count}: another one is gone, and so all stop. What was "
            f"saved before is intact; continue with {go_on}"
        ) from error


def _is_lost_connection(error: RuntimeError) -> bool:
    """Whether it says that another process cannot be reached: gloo has no class of its own."""
    text = str(error)
    return isinstance(error, torch.distributed.DistError) or any(
        sign in text for sign in ("gloo", "Connection closed by peer", "Connection reset by peer")
    )
