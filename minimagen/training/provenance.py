"""How a run was made, for those whom its cascade is handed on to: nothing of them but what helps.

A command line may hold paths of somebody's machine, and sessions its name; neither is told.
"""

import shlex
import socket
from datetime import datetime
from pathlib import Path, PurePosixPath, PureWindowsPath

from minimagen.release.manifest import Provenance
from minimagen.runtime import processor_name
from minimagen.training.config import TrainingConfig
from minimagen.training.records.curves import read_curves
from minimagen.training.sessions import Session, read_sessions


def provenance_of(run: Path) -> Provenance | None:
    """Collect how a training directory was made; None when it does not say.

    Raises:
        ConfigError: when its ``training_params.json`` is damaged.
    """
    sessions = read_sessions(run)
    if not sessions or not (run / "parameters" / "training_params.json").is_file():
        return None
    first, last = sessions[0], sessions[-1]
    curves = read_curves(run / "metrics.jsonl")
    steps = [curves[stage].line("loss")[0].tolist() for stage in sorted(curves)]
    spans = [_seconds(session) for session in sessions]
    return Provenance(
        command=without_paths(first.command),
        seed=TrainingConfig.read(run / "parameters").seed,
        steps=tuple(int(taken[-1]) if taken else 0 for taken in steps),
        seconds=None if None in spans else float(sum(filter(None, spans))),
        processor=processor_name() if last.host == socket.gethostname() else "",
        device=last.device,
        threads=last.threads,
        versions=last.versions,
        commit=last.commit,
        finished=last.ended,
    )


def data_of(run: Path) -> str:
    """Say in a few words what a run was trained on; empty when it does not say."""
    if not (run / "parameters" / "training_params.json").is_file():
        return ""
    data = TrainingConfig.read(run / "parameters").data
    if data.dataset == "shapes":
        return f"shapes, {data.shapes.size:,} built-in pictures, {data.shapes.variant}"
    return _name(data.dataset)


def without_paths(command: str) -> str:
    """Return a command line as one would write it in a checkout: no path of this machine.

    "/home/me/minimagen/train.py -o /data/runs" becomes "python train.py -o runs".
    """
    try:
        words = [_name(word) for word in shlex.split(command)]
    except ValueError:  # an open quote
        return ""
    if words and words[0].endswith(".py"):
        words = ["python", *words]
    return shlex.join(words)


def _name(word: str) -> str:
    """Return the last part of an absolute path, and anything else as it is."""
    flag, equals, value = word.rpartition("=")
    kinds = (kind(value) for kind in (PurePosixPath, PureWindowsPath))
    names = [path.name for path in kinds if path.is_absolute()]
    return f"{flag}{equals}{names[0]}" if names else word


def _seconds(session: Session) -> float | None:
    """Return how long a session took on the wall; None when it has no end."""
    try:
        began = datetime.fromisoformat(session.started)
        return (datetime.fromisoformat(session.ended or "") - began).total_seconds()
    except ValueError:
        return None
