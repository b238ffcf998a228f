"""What a line of the log says of the steps behind it."""

import time
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from minimagen.data.stream import Batch
from minimagen.training.learner import Gradient
from minimagen.training.meter import Meter


def gradient(numbers: range, losses: list[float], norm: float) -> Gradient:
    return Gradient(tuple(numbers), torch.tensor(losses), torch.tensor(norm))


def descending(numbers: list[int]) -> Tensor:
    """Show later samples at more noise."""
    return -torch.tensor(numbers, dtype=torch.float64)


def test_quarters_go_from_the_noisiest_sample_to_the_cleanest_over_all_steps() -> None:
    meter = Meter()
    meter.add(gradient(range(4), [1.0, 2.0, 3.0, 4.0], 0.5))
    meter.add(gradient(range(4, 8), [5.0, 6.0, 7.0, 8.0], 1.5))
    values = meter.read(descending)
    assert values["loss"] == 4.5
    assert values["grad_norm"] == 1.0
    assert values["loss_bins"] == [7.5, 5.5, 3.5, 1.5]
    assert values["log_snr_edges"] == [-7.0, -5.0, -3.0, -1.0, 0.0]


def test_a_line_begins_where_the_last_one_ended() -> None:
    meter = Meter()
    meter.add(gradient(range(2), [9.0, 9.0], 9.0))
    meter.read(descending)
    assert not meter.losses
    meter.add(gradient(range(2, 4), [1.0, 1.0], 1.0))
    assert meter.read(descending)["loss"] == 1.0


def slow_stream(seconds: float) -> Iterator[Batch]:
    while True:
        time.sleep(seconds)
        yield Batch((0,), torch.empty(0), ("",))


def test_waiting_is_the_share_of_steps_in_which_no_batch_was_there() -> None:
    """0.1 s of 0.2 s, however late sleep returns; time between steps counts for nothing."""
    meter = Meter()
    stream = meter.waiting(slow_stream(0.1))
    with meter.stepping():
        next(stream)
        time.sleep(0.1)
    time.sleep(0.5)
    meter.add(gradient(range(2), [1.0, 1.0], 1.0))
    waited, seconds = meter.waited, meter.seconds
    values = meter.read(descending)
    assert waited >= 0.1
    assert seconds >= 0.2
    assert values["waiting"] == pytest.approx(waited / seconds, abs=1e-4)
    assert values["images_per_s"] == pytest.approx(2 / seconds, abs=0.01)
    assert values["waiting"] < 0.9  # would be nearer to 1 with the pause in it
