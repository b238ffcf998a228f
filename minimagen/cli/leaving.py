"""How a script ends: with its exit code, and one line where something went wrong."""

import sys
from collections.abc import Callable

from minimagen.cli.streams import lasting_streams
from minimagen.cli.voices import one_voice, speaks
from minimagen.errors import MinimagenError


def leave_well(prog: str, work: Callable[[], object]) -> int:
    """Run a script's work and return its exit code.

    What a user can mend is one line on standard error; anything else is our mistake and keeps its
    traceback.
    """
    with lasting_streams(), one_voice():
        try:
            work()
        except MinimagenError as error:
            _tell(f"{prog}: {error}")
            return error.exit_code
        except KeyboardInterrupt:
            _tell(f"{prog}: stopped by Ctrl-C")
            return 130
    return 0


def _tell(line: str) -> None:
    if speaks():
        print(line, file=sys.stderr)
