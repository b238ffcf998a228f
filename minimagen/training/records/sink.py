"""What takes in measurements and pictures of one stage, and how one that breaks is borne."""

from collections.abc import Callable, Mapping
from typing import Protocol

from PIL import Image

from minimagen.training.directory import Measured

Values = Mapping[str, Measured]


class Sink(Protocol):
    """Takes in what one stage measures and draws."""

    def forget_after(self, step: int) -> None:
        """Be ready to go on after a step: what is there of later steps will be told again."""

    def measure(self, step: int, values: Values) -> None:
        """Take in what was measured at a step; several calls for one step add to each other."""

    def picture(self, step: int, name: str, image: Image.Image) -> None:
        """Take in a picture that was drawn at a step."""

    def close(self) -> None:
        """Finish; nothing comes after it."""


class Guarded:
    """A sink whose failures never end a run: the first is told, and the run goes on.

    Args:
        sink: the one that may fail, in whatever way its package fails.
        name: what people know it by.
        tell: takes the line about the first failure.
    """

    def __init__(self, sink: Sink, name: str, tell: Callable[[str], None]) -> None:
        self.sink, self.name, self.tell = sink, name, tell
        self.has_failed = False

    def forget_after(self, step: int) -> None:
        """See :class:`Sink`."""
        self._attempt(lambda: self.sink.forget_after(step))

    def measure(self, step: int, values: Values) -> None:
        """See :class:`Sink`."""
        self._attempt(lambda: self.sink.measure(step, values))

    def picture(self, step: int, name: str, image: Image.Image) -> None:
        """See :class:`Sink`."""
        self._attempt(lambda: self.sink.picture(step, name, image))

    def close(self) -> None:
        """See :class:`Sink`."""
        self._attempt(self.sink.close)

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            if not self.has_failed:
                self.tell(f"{self.name} fails, and the run goes on without it: {_gist(error)}")
            self.has_failed = True


def _gist(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}" if lines[0] else type(error).__name__
