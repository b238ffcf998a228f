"""The progress bar of a stage."""

import time
from typing import Any

from tqdm import tqdm


def progress_bar(stage: int, done: int, steps: int) -> Any:
    """Make a bar whose speed and time left do not care when the clock is set.

    Args:
        stage: its number.
        done: steps behind us.
        steps: in all.
    """
    bar = tqdm(total=steps, initial=done, desc=f"stage {stage}", unit="step")
    bar._time = time.monotonic  # tqdm's own is the time of day
    bar.start_t = bar.last_print_t = time.monotonic()
    return bar
