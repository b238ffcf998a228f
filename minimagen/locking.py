"""One writer at a time: a lock that the system frees when its holder dies, however it dies.

The file stays behind and says, to people, who held it last. Reading a run needs no lock.
"""

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from minimagen.errors import CheckpointError, LockedError

LOCK = "run.lock"


@contextmanager
def stage_lock(directory: Path) -> Iterator[None]:
    """Hold a directory's ``run.lock``; the directory is made when missing.

    Raises:
        LockedError: when another process holds it.
        CheckpointError: when the file cannot be made or locked at all.
    """
    path = directory / LOCK
    file = _open(path)
    try:
        with _explained(path):
            _lock(file, wait=False)
            # A forked data worker that outlives us must not hold the lock on.
            os.register_at_fork(after_in_child=file.close)
            _sign(file)
        yield
    finally:
        file.close()  # which frees the lock


def require_free(directory: Path) -> None:
    """Check that no other process holds a directory's ``run.lock``; nothing is written.

    This only says early what :func:`stage_lock` would say late: that one keeps others out.

    Raises:
        LockedError: when another process holds it.
    """
    path = directory / LOCK
    try:
        with path.open("rb", buffering=0) as file:
            _lock(file, wait=False)
    except BlockingIOError:
        raise _locked(path) from None
    except OSError:  # there is none yet, or none that can be looked at: taking it will tell
        return


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Wait for a lock and hold it for a moment: for a file that several stages write.

    Raises:
        CheckpointError: when the file cannot be made or locked at all.
    """
    file = _open(path)
    try:
        with _explained(path):
            _lock(file, wait=True)
        yield
    finally:
        file.close()


def _open(path: Path) -> FileIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+")
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be made ({error.strerror}); choose a directory that can be written"
        ) from None


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (BlockingIOError, PermissionError):
        raise _locked(path) from None
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be locked ({error.strerror}); choose a local directory with room"
        ) from None


def _lock(file: FileIO, wait: bool) -> None:
    """Take the lock, at once or never unless told to wait."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(1 << 30)  # beyond the content: a locked byte cannot be read there
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def _sign(file: FileIO) -> None:
    holder = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    file.seek(0)
    file.truncate()
    file.write(json.dumps(holder).encode() + b"\n")


def _locked(path: Path) -> LockedError:
    return LockedError(f"{path}: {_holder(path)}; wait for it, or stop it")


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_bytes())
        return f"locked by pid {holder['pid']} on host {holder['host']} since {holder['started']}"
    except (OSError, ValueError, TypeError, KeyError):  # it has not signed yet
        return "locked by another process"
