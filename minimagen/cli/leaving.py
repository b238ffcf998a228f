"""How a script ends: with its exit code, and one line where something went wrong."""

import sys
from collections.abc import Callable

from minimagen.cli.streams import lasting_streams
from minimagen.errors import MinimagenError


def leave_well(prog: str, work: Callable[[], object]) -> int:
    """Run a script's work and return its exit code.

    What a user can mend is one line on standard error; anything else is our mistake and keeps its
    traceback.
    """
    with lasting_streams():
        try:
            work()
        except MinimagenError as error:
            print(f"{prog}: {error}", file=sys.stderr)
            return error.exit_code
        except KeyboardInterrupt:
            print(f"{prog}: stopped by Ctrl-C", file=sys.stderr)
            return 130
    return 0
