"""Several processes of one command, of which the user hears one.

A launcher says in the environment which process this is. What all would print, the first one
prints; what went wrong, the one prints whom it happened to first.
"""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from datetime import timedelta

PATIENCE = timedelta(seconds=5)


@contextmanager
def one_voice() -> Iterator[None]:
    """Let every process but the first keep to itself what it prints, its bars and warnings."""
    with ExitStack() as stack:
        if os.environ.get("RANK", "0") != "0":
            os.environ["TQDM_DISABLE"] = "1"  # read when tqdm is imported
            stack.enter_context(warnings.catch_warnings(action="ignore"))
            null = stack.enter_context(open(os.devnull, "w"))  # noqa: PTH123
            stack.enter_context(redirect_stdout(null))
        yield


def speaks() -> bool:
    """Whether this process is the one to tell what went wrong: the first to ask.

    Others may ask for the same reason, or because that one is gone.
    """
    if "RANK" not in os.environ or os.environ.get("WORLD_SIZE") == "1":
        return True
    if "torch" not in sys.modules:  # a command line that all read alike
        return os.environ["RANK"] == "0"
    return _is_first_to_ask()


def _is_first_to_ask() -> bool:
    """Ask the launcher's store, which outlives the processes."""
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    try:
        host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = TCPStore(host, port, is_master=False, timeout=PATIENCE)
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        return bool(store.add(f"minimagen/went_wrong/{attempt}", 1) == 1)
    except (RuntimeError, KeyError, ValueError):  # nobody there to ask
        return True
