"""Which images are drawn at one time, and that none is lost when they do not fit."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minimagen.drawing.batches import Batch, batches_of, drawn, fitting_size
from minimagen.errors import TrainingError


def places(batches: list[Batch]) -> list[int]:
    return [place for batch in batches for place in batch.places]


class Room:
    """Something to draw with that has room for so many images."""

    def __init__(self, images: int) -> None:
        self.images = images
        self.refused = 0

    def __call__(self, batch: Batch) -> list[int]:
        if batch.size > self.images:
            self.refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        return list(batch.places)


@given(count=st.integers(1, 70), size=st.integers(1, 40))
def test_every_image_is_in_one_batch_in_order(count: int, size: int) -> None:
    batches = batches_of(count, size)
    assert places(batches) == list(range(count))
    assert all(batch.size == size for batch in batches[:-1])


@given(count=st.integers(1, 70), size=st.integers(1, 40), fits=st.integers(1, 40))
def test_halving_loses_no_image_and_is_not_tried_twice(count: int, size: int, fits: int) -> None:
    room, told = Room(fits), list[str]()
    made = list(drawn(batches_of(count, size), room, told.append))
    assert places([batch for batch, _ in made]) == list(range(count))
    assert [images for _, images in made] == [list(batch.places) for batch, _ in made]
    assert max(batch.size for batch, _ in made) <= fits
    assert room.refused == len(told) <= 6  # log2(40), however many batches there are


def test_it_says_with_how_many_it_goes_on() -> None:
    told: list[str] = []
    list(drawn([Batch(0, 16)], Room(7), told.append))
    assert told == [
        "out of memory with 16 images at a time: going on with 8",
        "out of memory with 8 images at a time: going on with 4",
    ]


def test_a_single_image_that_does_not_fit_ends_with_one_line() -> None:
    with pytest.raises(TrainingError, match="out of memory with a single image; stop at a smaller"):
        list(drawn([Batch(0, 3)], Room(0), lambda line: None))


def test_another_error_is_no_reason_to_halve() -> None:
    def broken(batch: Batch) -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        list(drawn([Batch(0, 4)], broken))


def test_memory_that_the_machine_refuses_is_told_from_other_errors() -> None:
    """The CPU's allocator has no error of its own; this one asks it for 4 EB."""

    def greedy(batch: Batch) -> int:
        return len(torch.empty(2**60)) if batch.size > 1 else 1

    assert [batch.size for batch, _ in drawn([Batch(0, 2)], greedy, lambda line: None)] == [1, 1]


def test_a_cpu_is_not_tempted_by_many_images() -> None:
    assert fitting_size(100, torch.device("cpu")) == 16
    assert fitting_size(100, torch.device("cuda")) == 64
    assert fitting_size(3, torch.device("cuda")) == 3
