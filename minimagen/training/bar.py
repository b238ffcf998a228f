"""The progress bar of a stage."""

import time
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

WORTH_SAYING = 0.05  # share of the time waiting for data


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


def postfix(values: Mapping[str, Any]) -> dict[str, str]:
    """Return what a bar shows of the values of a line of the log."""
    shown = {"loss": f"{values['loss']:.4f}", "images/s": f"{values['images_per_s']:.0f}"}
    if values["waiting"] > WORTH_SAYING:
        shown["waits for data"] = f"{values['waiting']:.0%}"
    return shown
