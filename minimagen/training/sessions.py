"""Every attempt at a run, a line of ``environment.jsonl`` each: what was called, where, with what.

No environment variable is written down, for some hold secrets.
"""

import json
import os
import platform
import secrets
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, field, fields, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import minimagen
from minimagen.checkpoint import append_text, write_text
from minimagen.config import config
from minimagen.errors import MinimagenError
from minimagen.locking import in_turn

FILE, LOCK = "environment.jsonl", "tmp/environment.lock"
CHECKOUT = Path(minimagen.__file__).resolve().parents[1]
PATIENCE_S = 5  # for git


@config  # for it is read from a file that may be damaged
class Session:
    """One process that worked on a run.

    Args:
        id: drawn at the start.
        command: as it was called.
        started: UTC, ISO 8601.
        ended: likewise; None while it goes on, and when it was killed.
        outcome: ``done``, or why it ended.
        host: name of the machine.
        pid: number of the process.
        device: what networks ran on.
        threads: that torch computed with.
        versions: of python and of the packages that decide results.
        commit: of the checkout that minimagen ran from, ``-dirty`` behind it when tracked files
            were changed; None when it is none.
    """

    id: str = ""
    command: str = ""
    started: str = ""
    ended: str | None = None
    outcome: str | None = None
    host: str = ""
    pid: int = 0
    device: str = ""
    threads: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    commit: str | None = None

    @classmethod
    def here(cls, device: torch.device) -> "Session":
        """Describe this process, which begins now."""
        return cls(
            id=secrets.token_hex(4),
            command=shlex.join(sys.argv),
            started=_now(),
            host=socket.gethostname(),
            pid=os.getpid(),
            device=_name_of(device),
            threads=torch.get_num_threads(),
            versions={
                "python": platform.python_version(),
                "torch": str(torch.__version__),
                "transformers": version("transformers"),
                "minimagen": minimagen.__version__,
            },
            commit=_commit(),
        )


@contextmanager
def recorded_session(run: Path, device: torch.device) -> Iterator[None]:
    """Write down that this process works on a run, and at the end how that went.

    Raises:
        TrainingError: when the first line cannot be written.
    """
    session, outcome = Session.here(device), "done"
    with in_turn(run / LOCK):
        append_text(run / FILE, _line(session))
    try:
        yield
    except BaseException as error:
        outcome = _gist(error)
        raise
    finally:
        with suppress(MinimagenError):  # what went wrong before is told, not this
            _finish(run, replace(session, ended=_now(), outcome=outcome))


def read_sessions(run: Path) -> tuple[Session, ...]:
    """Read the sessions of a run in the order of their starts; lines that are none are left out."""
    return tuple(filter(None, map(_session, _lines(run))))


def _finish(run: Path, session: Session) -> None:
    """Replace a session's line; other processes may have added theirs."""
    with in_turn(run / LOCK):
        write_text(run / FILE, "".join(_replaced(line, session) for line in _lines(run)))


def _replaced(line: str, session: Session) -> str:
    found = _session(line)
    return _line(session) if found is not None and found.id == session.id else line


def _lines(run: Path) -> list[str]:
    try:
        text = (run / FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.splitlines(keepends=True)


def _line(session: Session) -> str:
    return json.dumps(asdict(session), ensure_ascii=False) + "\n"


def _session(line: str) -> Session | None:
    """Read a line; names that another version wrote are left out."""
    known = {item.name for item in fields(Session)}
    try:
        values: dict[str, Any] = json.loads(line)
        return Session(**{name: value for name, value in values.items() if name in known})
    except (ValueError, TypeError, AttributeError):
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _gist(error: BaseException) -> str:
    """Return why a session ended, in one line without what to do about it."""
    if not isinstance(error, MinimagenError):
        return type(error).__name__
    return str(error).partition(";")[0].splitlines()[0]


def _name_of(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device}, {torch.cuda.get_device_name(device)}"
    return str(device)


def _commit() -> str | None:
    """Ask git which commit this is; None where minimagen is installed and no checkout."""
    if not (CHECKOUT / ".git").exists():
        return None
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        said = subprocess.run(
            [*command, "--exclude=*"], capture_output=True, text=True, timeout=PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stdout.strip() or None
