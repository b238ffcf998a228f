"""A benchmark's side of a contender's process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".peers"  # where the peers are fetched to
FOREIGN = {"peer", "cascade"}  # kinds that see the peers' packages
TOLD = 2000  # last characters of what a process said before it died


class Worker:
    """A contender in a process of its own.

    Args:
        kind: as :func:`benchmarks.peers.worker.make` takes it.
        task: folder of the task, where it also works.
        settings: of the contender; JSON.
        threads: that it computes with.
    """

    def __init__(
        self, kind: str, task: Path, settings: dict[str, Any], *, threads: int = 1
    ) -> None:
        self.log = (task / f"{os.urandom(4).hex()}.log").open("w+", encoding="utf-8")
        module = [sys.executable, "-P", "-m", "benchmarks.peers.worker"]
        self.process = subprocess.Popen(
            [*module, kind, str(task), json.dumps(settings), str(threads)],
            cwd=task,
            env=_environment(kind, threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            start_new_session=True,  # Linux gives each session, not each process, an equal share
        )
        self.weights = self._reply()["weights"]

    def ask(self, do: str, **what: Any) -> dict[str, Any]:
        """Give an order and wait for the reply."""
        assert self.process.stdin is not None
        print(json.dumps({"do": do, **what}), file=self.process.stdin, flush=True)
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise RuntimeError(f"a contender's process ended:\n{self.log.read()[-TOLD:]}")
        return dict(json.loads(line))

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()  # closes the pipes
        self.log.close()


def require_peers() -> None:
    """End with a line that says what to do, where the peers are not there."""
    if not (FOLDER / "imagen_pytorch").is_dir():
        sys.exit(f"{FOLDER}: no peers here; fetch them with: python -m benchmarks.peers")


def _environment(kind: str, threads: int) -> dict[str, str]:
    """Return the environment of a process: peers see their packages first, ours none of them."""
    path = [str(FOLDER), str(ROOT)] if kind in FOREIGN else [str(ROOT)]
    alone = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive", "HF_HUB_OFFLINE": "1"}
    return os.environ | alone | {"PYTHONPATH": os.pathsep.join(path)}
