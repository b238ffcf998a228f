"""Stopping without losing anything: the first signal asks, the second leaves at once."""

import math
import os
import signal
import threading
import time
from types import FrameType, TracebackType

from minimagen.errors import MinimagenError

ECHO_S = 2.0
EXIT_CODES = {"SIGHUP": 129, "SIGINT": 130, "SIGTERM": 143, "SIGUSR1": 143}


class StoppedError(MinimagenError):
    """The run was asked to stop, and has saved."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.exit_code = EXIT_CODES[name]


class Stopper:
    """While entered, remember the first signal of ``EXIT_CODES`` instead of dying of it.

    SIGHUP comes when a terminal goes away; under ``nohup`` it is ignored, and stays so.

    Args:
        echo_s: how long after the first signal another one is taken for the same, in seconds: a
            launcher passes on what a scheduler may have sent to all processes.

    Attributes:
        name: the signal that came, or None.
    """

    def __init__(self, echo_s: float = 0.0) -> None:
        self.name: str | None = None
        self.echo_s = echo_s
        self._came = -math.inf
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Stopper":
        """Install the handlers; only the main thread of a process may, others get none."""
        if threading.current_thread() is threading.main_thread():
            for name in EXIT_CODES:
                number = getattr(signal, name, None)  # Windows has neither SIGHUP nor SIGUSR1
                if number is not None and not _is_ignored_hangup(number):
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the former handlers back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self.name is None:
            self.name, self._came = name, time.monotonic()
        elif time.monotonic() - self._came >= self.echo_s:
            os._exit(EXIT_CODES[name])


def _is_ignored_hangup(number: int) -> bool:
    return signal.Signals(number).name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN
