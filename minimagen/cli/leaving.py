"""How a script ends: with its exit code, and one line where something went wrong."""

import os
import sys
from collections.abc import Callable
from typing import TypeVar

from minimagen.errors import MinimagenError

T = TypeVar("T")


def leave_well(prog: str, work: Callable[[], object]) -> int:
    """Run a script's work and return its exit code.

    What a user can mend is one line on standard error; anything else is our mistake and keeps its
    traceback.
    """
    try:
        work()
    except MinimagenError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{prog}: stopped by Ctrl-C", file=sys.stderr)
        return 130
    except BrokenPipeError:  # somebody read our output through `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0
