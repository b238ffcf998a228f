"""The bar's clock is not the time of day."""

import io
import sys
import time

import pytest

from minimagen.training.bar import postfix, progress_bar


def test_time_left_does_not_care_when_the_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour back in the middle: speed and time left are those of the steps that were taken."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar(stage=0, done=10, steps=1000) as bar:
        time.sleep(0.02)
        bar.update()
        monkeypatch.setattr("tqdm.std.time", lambda: time.monotonic() - 3600)
        time.sleep(0.02)
        bar.update()
        assert bar.n == 12
        assert 0.04 <= bar.format_dict["elapsed"] < 60


def test_waiting_for_data_is_said_where_it_matters() -> None:
    values = {"loss": 0.25, "images_per_s": 12.3}
    assert "waits for data" not in postfix({**values, "waiting": 0.05})
    assert postfix({**values, "waiting": 0.123})["waits for data"] == "12%"
