"""Who holds a stage. The lock's file says who held it last; whether they still do, the system says.

The lock itself is never touched: a look must not stop a run that starts at that moment.
"""

import json
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from minimagen.locking import LOCK


@dataclass(frozen=True)
class Holder:
    """The process that signed a stage's lock last.

    Args:
        pid: its number.
        host: the machine it ran on.
        started: when it took the lock, UTC, ISO 8601.
        is_alive: whether it still holds it; None where that cannot be seen from here.
    """

    pid: int
    host: str
    started: str
    is_alive: bool | None


def read_holder(checkpoints: Path) -> Holder | None:
    """Say who held a stage last; None when nobody ever signed its lock.

    Args:
        checkpoints: the stage's directory of checkpoints; it may be missing.
    """
    path = checkpoints / LOCK
    try:
        signed = json.loads(path.read_bytes())
        pid, host, started = int(signed["pid"]), str(signed["host"]), str(signed["started"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return Holder(pid, host, started, _is_alive(pid, host, path))


def _is_alive(pid: int, host: str, lock: Path) -> bool | None:
    if host != socket.gethostname() or sys.platform == "win32":
        return None
    if sys.platform == "linux":
        return _has_open(pid, lock)
    return _exists(pid)


def _has_open(pid: int, lock: Path) -> bool:
    """Look for the lock among a process's open files: numbers of processes are used again."""
    try:
        links = list(Path(f"/proc/{pid}/fd").iterdir())
    except PermissionError:  # somebody else's process
        return _exists(pid)
    except OSError:  # it has ended
        return False
    return any(_leads_to(link, lock.resolve()) for link in links)


def _leads_to(link: Path, path: Path) -> bool:
    try:
        return link.readlink() == path
    except OSError:  # closed while we looked
        return False


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
