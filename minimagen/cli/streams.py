"""Standard streams that cannot end a run: a reader that goes away, a terminal that is closed.

What nobody can read any more is dropped; the work goes on.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast


class Lasting:
    """A text stream that outlives its reader.

    Args:
        stream: where text goes as long as that works.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        if isinstance(stream, io.TextIOWrapper):  # lines come out as they are written, in any code
            stream.reconfigure(line_buffering=True, errors="backslashreplace")

    def __getattr__(self, name: str) -> Any:
        """Be the stream in everything else."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or drop it."""
        try:
            self._stream.write(text)
        except OSError:
            self._silence()
        return len(text)

    def flush(self) -> None:
        """Flush, or drop what is left."""
        try:
            self._stream.flush()
        except OSError:
            self._silence()

    def _silence(self) -> None:
        """Send all that follows, and what is in the buffer, nowhere."""
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)


@contextmanager
def lasting_streams() -> Iterator[None]:
    """Make standard output and standard error lasting for a while."""
    _fill_closed_descriptors()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_lasting, before, (1, 2))
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stdout, sys.stderr = before


def _lasting(stream: TextIO | None, descriptor: int) -> TextIO:
    """Python has None for a stream that was closed before it started."""
    opened = open(descriptor, "w", closefd=False) if stream is None else stream  # noqa: SIM115
    return cast(TextIO, Lasting(opened))


def _fill_closed_descriptors() -> None:
    """Open nothing in place of a closed standard stream, before a file of ours gets its number."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is this one
