"""Where a command leaves what it makes."""

import time
from pathlib import Path

from minimagen.errors import UsageError

TRIES = 1000  # as many commands of one second get a directory each


def new_directory(output: Path, name: str) -> Path:
    """Make ``<name>_<TIMESTAMP>``, with a number behind it where there is one already.

    Raises:
        UsageError: when nothing can be made there.
    """
    stem = f"{name}_{time.strftime('%Y%m%d_%H%M%S')}"
    for number in range(1, TRIES):
        path = output / (stem if number == 1 else f"{stem}_{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if not path.is_dir():
                break
        except OSError as error:
            raise UsageError(
                f"--OUTPUT {output}: no directory can be made there ({error.strerror})"
            ) from None
        else:
            return path
    raise UsageError(f"--OUTPUT {output}: no directory can be made there")
