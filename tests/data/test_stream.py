from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pytest
import torch

from minimagen.data.items import Picture, RejectedItem, Rejection
from minimagen.data.shapes import ShapesConfig, ShapesSource
from minimagen.data.stream import Batch, Order, batches, consecutive, readable_pictures
from minimagen.errors import DataError
from minimagen.tensors import to_uint8

SOURCE = ShapesSource(ShapesConfig(size=12, variant="single"))
TRAINED = [0, 2, 3, 5, 7, 8, 11]


@dataclass(frozen=True)
class Numbered:
    """Twenty grey pictures, as light as their number; some are unusable, decodings are counted."""

    bad: frozenset[int] = frozenset()
    decoded: list[int] | None = None

    fingerprint = ""
    notes = ()

    def __len__(self) -> int:
        return 20

    def name(self, index: int) -> str:
        return f"{index}.png"

    def captions(self, index: int) -> tuple[str, ...]:
        return (f"number {index}",)

    def picture(self, index: int, size: int) -> Picture:
        if self.decoded is not None:
            self.decoded.append(index)
        if index in self.bad:
            raise RejectedItem("is bad")
        return np.full((size, size, 3), index, np.uint8)


def stream(source: Numbered | ShapesSource = SOURCE, **changes: object) -> Iterator[Batch]:
    settings = {"size": 16, "plan": consecutive(4), "seed": 0, "stage": 1} | changes
    indices = settings.pop("indices", TRAINED)
    return batches(source, indices, **settings)  # type: ignore[arg-type]


def same(a: Batch, b: Batch) -> bool:
    return (a.numbers, a.captions) == (b.numbers, b.captions) and torch.equal(a.images, b.images)


def test_each_epoch_holds_each_item_once_in_an_order_of_its_own() -> None:
    order = Order(tuple(TRAINED), seed=0, stage=0)
    epochs = [[order.index_of(7 * epoch + place) for place in range(7)] for epoch in range(4)]
    assert all(sorted(epoch) == TRAINED for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_stages_and_seeds_see_different_orders() -> None:
    orders = {
        tuple(Order(tuple(range(20)), seed, stage).index_of(n) for n in range(20))
        for seed in (0, 1)
        for stage in (0, 1)
    }
    assert len(orders) == 4


def test_a_batch_holds_its_numbers_pictures_and_captions_across_epochs() -> None:
    order = Order(tuple(TRAINED), seed=0, stage=1)
    for place, batch in enumerate(islice(stream(), 5)):
        assert batch.numbers == tuple(range(4 * place, 4 * place + 4))
        assert batch.images.dtype == torch.float32
        assert batch.images.is_contiguous()
        for number, image, caption in zip(batch.numbers, batch.images, batch.captions, strict=True):
            index = order.index_of(number)
            assert caption == SOURCE.captions(index)[0]
            drawn = torch.from_numpy(SOURCE.picture(index, 16)).permute(2, 0, 1)
            assert torch.equal(to_uint8(image[None])[0], drawn)


def test_the_stream_can_be_entered_at_any_batch() -> None:
    from_the_start = list(islice(stream(), 6))
    assert same(next(stream(plan=consecutive(4, first=5))), from_the_start[5])
    far = 10**9
    assert next(stream(plan=consecutive(4, first=far))).numbers[0] == 4 * far


def test_batch_size_does_not_change_the_samples() -> None:
    small, large = islice(stream(plan=consecutive(2)), 2), next(stream())
    assert torch.equal(torch.cat([batch.images for batch in small]), large.images)


def test_processes_that_take_turns_serve_the_stream_of_one() -> None:
    turns = [list(islice(stream(plan=consecutive(4, rank, every=3)), 2)) for rank in range(3)]
    together = [batch for turn in zip(*turns, strict=True) for batch in turn]
    assert all(same(a, b) for a, b in zip(together, islice(stream(), 6), strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_plan_that_ends_is_served_to_its_end(workers: int) -> None:
    plan = [range(5), range(7, 8), range(2)]
    served = stream(plan=plan, workers=workers)
    assert [batch.numbers for batch in served] == [tuple(numbers) for numbers in plan]


def test_workers_do_not_change_the_stream() -> None:
    source = Numbered(bad=frozenset({3, 7}))
    reported: dict[int, list[Rejection]] = {0: [], 2: []}
    runs = [
        list(islice(stream(source, workers=count, on_reject=reported[count].append), 12))
        for count in reported
    ]
    assert all(same(a, b) for a, b in zip(*runs, strict=True))
    assert reported[0] == reported[2]


def test_the_second_epoch_decodes_nothing() -> None:
    decoded: list[int] = []
    list(islice(stream(Numbered(decoded=decoded)), 20))
    assert sorted(decoded) == TRAINED


def test_the_memory_for_pictures_is_bounded_and_changes_nothing() -> None:
    decoded: list[int] = []
    three_pictures = 3 * 16 * 16 * 3 / 1e9
    bounded = list(islice(stream(Numbered(decoded=decoded), cache_gb=three_pictures), 7))
    assert len(decoded) == 7 + 3 * 4  # four epochs, of seven items three are in memory
    assert all(same(a, b) for a, b in zip(bounded, stream(Numbered()), strict=False))


def test_an_unusable_item_is_replaced_the_same_way_each_time_and_reported_once() -> None:
    reported: list[Rejection] = []
    source = Numbered(bad=frozenset({3, 7}))
    run = list(islice(stream(source, on_reject=reported.append), 12))
    assert sorted(reported, key=lambda r: r.file_name) == [
        Rejection("3.png", "is bad"),
        Rejection("7.png", "is bad"),
    ]
    assert all(len(batch.images) == 4 for batch in run)
    for m, batch in enumerate(run):
        assert same(batch, next(stream(source, plan=consecutive(4, first=m))))
    for batch in run:
        shown = to_uint8(batch.images)[:, 0, 0, 0].tolist()
        assert batch.captions == tuple(f"number {index}" for index in shown)
        assert not {3, 7} & set(shown)


def test_nothing_usable_at_all_is_an_error_not_a_hang() -> None:
    with pytest.raises(DataError, match=r"100 items in a row cannot be read.*is bad"):
        next(stream(Numbered(bad=frozenset(range(20)))))


def test_validation_pictures_are_those_that_can_be_read() -> None:
    """Each is decoded once; that none can be read is no error."""
    decoded: list[int] = []
    source = Numbered(bad=frozenset({5}), decoded=decoded)
    kept, pictures, left_out = readable_pictures(source, [4, 5, 6], 8)
    assert (kept, left_out) == ([4, 6], [Rejection("5.png", "is bad")])
    assert (pictures.dtype, pictures.shape) == (torch.uint8, (2, 3, 8, 8))
    assert pictures[:, 0, 0, 0].tolist() == [4, 6]
    assert decoded == [4, 5, 6]
    assert readable_pictures(source, [5], 8)[1].shape == (0, 3, 8, 8)


def test_the_stream_leaves_the_global_generators_alone() -> None:
    before = torch.random.get_rng_state()
    next(stream())
    assert torch.equal(before, torch.random.get_rng_state())
