"""The stream where pictures have several shapes, and chance frames them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from minimagen.data.augmentation import PictureAugmentation
from minimagen.data.buckets import Framing, nearest_ratios
from minimagen.data.chance import flipped_by_chance
from minimagen.data.collection import Collection
from minimagen.data.framing import Frame, FramingConfig
from minimagen.data.items import Picture
from minimagen.data.shapes import ShapesConfig, ShapesSource
from minimagen.data.sources import DataConfig, open_source
from minimagen.data.stream import (
    Batch,
    Loader,
    batches,
    consecutive,
    load_batch,
    make_loader,
    readable_pictures,
)
from minimagen.tensors import to_uint8

RATIOS = (1.5, 2 / 3)
WIDE, TALL = (60, 40), (40, 60)  # width and height
STEP = 4  # images of an optimizer step


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """Nine wide and five tall pictures of noise; some captions name a side."""
    root = tmp_path_factory.mktemp("pictures")
    noise = np.random.default_rng(0)
    for number in range(14):
        width, height = WIDE if number < 9 else TALL
        pixels = noise.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{number:02}.png")
        (root / f"{number:02}.txt").write_text("on the left" if number % 2 else "noise")
    return open_source(DataConfig(dataset=str(root), max_rejected=0), check_size=16)[0]


def framing(source: Collection, **config: object) -> Framing:
    how = FramingConfig(**config)  # type: ignore[arg-type]
    frames = Frame(16, 24, how), Frame(24, 16, how)
    return Framing(frames, nearest_ratios(source, RATIOS), STEP)


def stream(source: Collection, shape: Framing, **changes: object) -> Iterator[Batch]:
    settings = {"plan": consecutive(STEP), "seed": 0, "stage": 0} | changes
    return batches(source, range(14), size=shape, **settings)  # type: ignore[arg-type]


def same(a: Batch, b: Batch) -> bool:
    return (a.numbers, a.captions) == (b.numbers, b.captions) and torch.equal(a.images, b.images)


CHANCES = {
    "crop": "random",
    "flip": True,
    "augmentation": PictureAugmentation(share=0.5, hue=30.0, rotation=5.0),
}


def test_each_picture_is_in_the_bucket_of_its_ratio(source: Collection) -> None:
    assert nearest_ratios(source, RATIOS).tolist() == [0] * 9 + [1] * 5
    assert nearest_ratios(source, (1.0,)).tolist() == [0] * 14


def test_a_batch_has_one_shape_and_both_shapes_come(source: Collection) -> None:
    shapes = [tuple(b.images.shape) for b in islice(stream(source, framing(source)), 28)]
    assert shapes.count((STEP, 3, 16, 24)) == 18
    assert shapes.count((STEP, 3, 24, 16)) == 10


def test_how_a_step_is_cut_into_batches_changes_nothing(source: Collection) -> None:
    """All micro-batches of a step have its shape, with random crops, flips and colours."""
    shape = framing(source, **CHANCES)
    small, whole = stream(source, shape, plan=consecutive(1)), stream(source, shape)
    for step in islice(whole, 12):
        parts = list(islice(small, STEP))
        assert sum((part.numbers for part in parts), ()) == step.numbers
        assert torch.equal(torch.cat([part.images for part in parts]), step.images)


def test_the_stream_can_be_entered_anywhere_and_workers_change_nothing(
    source: Collection,
) -> None:
    shape = framing(source, **CHANCES)
    from_the_start = list(islice(stream(source, shape), 12))
    assert same(next(stream(source, shape, plan=consecutive(STEP, 11))), from_the_start[11])
    by_workers = list(islice(stream(source, shape, workers=2), 12))
    assert all(same(a, b) for a, b in zip(by_workers, from_the_start, strict=True))


@dataclass(frozen=True)
class Counted:
    """A source that counts what it decodes."""

    source: Collection
    decoded: list[int]

    def __getattr__(self, name: str) -> object:
        return getattr(self.source, name)

    def picture(self, index: int, shape: int | Frame) -> Picture:
        self.decoded.append(index)
        return self.source.picture(index, shape)


def test_chance_comes_after_the_memory(source: Collection) -> None:
    """Nothing is decoded twice, yet a picture is cut and mirrored anew each time."""
    counted = Counted(source, [])
    square = FramingConfig(crop="random", flip=True)
    shape = Framing((Frame(16, 16, square),), None, STEP)
    endless = batches(
        counted,  # type: ignore[arg-type]
        [0],
        size=shape,
        plan=consecutive(1),
        seed=0,
        stage=0,
    )
    served = list(islice(endless, 40))
    assert counted.decoded == [0]
    assert len({batch.images.numpy().tobytes() for batch in served}) > 10


def test_what_a_caption_calls_left_stays_left(source: Collection) -> None:
    flipped = framing(source, flip=True)
    for plain, batch in zip(
        islice(stream(source, framing(source)), 20), stream(source, flipped), strict=False
    ):
        for before, after, caption in zip(plain.images, batch.images, plain.captions, strict=True):
            mirrored = torch.equal(after, before.flip(-1))
            assert torch.equal(after, before) or (mirrored and caption == "noise")


def test_a_flip_is_that_of_the_sample_number(source: Collection) -> None:
    loader = make_loader(source, range(14), framing(source, flip=True), 0, 0)
    batch = load_batch(loader, range(STEP))
    plain = load_batch(replace(loader, framing=framing(source)), range(STEP))
    for number in range(STEP):
        before = to_uint8(plain.images)[number].permute(1, 2, 0).numpy()
        wanted = flipped_by_chance(before, plain.captions[number], number, 0, 0)
        assert np.array_equal(to_uint8(batch.images)[number].permute(1, 2, 0).numpy(), wanted)


def test_validation_leaves_nothing_to_chance(source: Collection) -> None:
    """A random crop is a centre crop there."""
    shape, centre = framing(source, **CHANCES), framing(source)
    for (frame, own), (still, _) in zip(
        shape.by_frame(range(14)), centre.by_frame(range(14)), strict=True
    ):
        pictures = [readable_pictures(source, own, how)[1] for how in (frame, still)]
        assert torch.equal(*pictures)


@pytest.mark.parametrize("crop", ["centre", "random", "pad"])
def test_built_in_scenes_are_framed_too(crop: str) -> None:
    """A scene is drawn as large as the frame needs, never enlarged."""
    config = FramingConfig(crop=crop, max_enlargement=1.0)  # type: ignore[arg-type]
    scenes = ShapesSource(ShapesConfig(size=4))
    loader: Loader = make_loader(scenes, range(4), Framing((Frame(16, 24, config),)), 0, 0)
    assert load_batch(loader, range(2)).images.shape == (2, 3, 16, 24)
    assert nearest_ratios(scenes, (0.5, 1.1, 2.0)).tolist() == [1] * 4


def test_a_folder_is_opened_by_its_path_alone(source: Collection, tmp_path: Path) -> None:
    """The size of an item is read from its header when it is asked for."""
    assert [source.size(0), source.size(13)] == [WIDE, TALL]
