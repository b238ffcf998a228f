import io

import numpy as np
import pytest
from PIL import Image

from minimagen.data.drawing import draw
from minimagen.data.world import Scene, Thing
from minimagen.preparation.hashing import COLOUR_LIMIT, perceptual_hash, thumbnail
from minimagen.preparation.near import NearIndex


def photograph(name: str) -> Image.Image:
    datasets = pytest.importorskip("sklearn.datasets")
    return Image.fromarray(datasets.load_sample_image(f"{name}.jpg"))


def distance(a: Image.Image, b: Image.Image) -> tuple[int, int]:
    """Return how many bits of the hashes differ, and the largest difference of the thumbnails."""
    bits = (perceptual_hash(a) ^ perceptual_hash(b)).bit_count()
    colours = np.abs(thumbnail(a).astype(int) - thumbnail(b)).max()
    return bits, int(colours)


def reduced(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 4, image.height // 4), Image.Resampling.LANCZOS)


def recompressed(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=30)
    return Image.open(file).convert("RGB")


@pytest.mark.parametrize("change", [reduced, recompressed])
@pytest.mark.parametrize("name", ["china", "flower"])
def test_a_photograph_stays_near_what_it_was(name: str, change: object) -> None:
    """Well inside the defaults, 4 bits and 16 of 255."""
    bits, colours = distance(photograph(name), change(photograph(name)))  # type: ignore[operator]
    assert bits <= 2
    assert colours <= COLOUR_LIMIT // 2


def test_another_photograph_a_half_and_a_mirror_image_are_far() -> None:
    china = photograph("china")
    for other in (
        photograph("flower"),
        china.crop((0, 0, 320, 427)),
        china.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    ):
        assert distance(china, other)[0] > 16


def test_the_same_shape_in_another_colour_is_far_in_its_thumbnail() -> None:
    """Red and blue circles share a hash, near enough: captions tell them apart, and so must we."""
    pictures = (
        Image.fromarray(draw(Scene((Thing("circle", c, 0.5, 0.5, 0.3),), c, 192.0), 64))
        for c in ("red", "blue")
    )
    assert distance(*pictures)[1] > 2 * COLOUR_LIMIT


@pytest.mark.parametrize("bits", [0, 3, 4, 16])
def test_the_index_finds_what_comparing_with_each_finds(bits: int) -> None:
    """A hundred families of near hashes, with thumbnails that agree half of the time."""
    rng = np.random.default_rng(bits)
    families = rng.integers(0, 2**64, 100, dtype=np.uint64)
    hashes = families[rng.integers(0, 100, 1000)]
    for _ in range(bits + 2):  # at most twice as far apart as is near, and two more
        changed = np.uint64(1) << rng.integers(0, 64, 1000).astype(np.uint64)
        hashes ^= changed * rng.integers(0, 2, 1000).astype(np.uint64)
    thumbnails = np.zeros((1000, 8, 8, 3), np.uint8)
    thumbnails[:, 0, 0, 0] = rng.choice([0, COLOUR_LIMIT + 1], 1000)
    index, found = NearIndex(hashes, thumbnails, bits), 0
    for i in range(1000):
        near = np.bitwise_count(hashes[:i] ^ hashes[i]) <= bits
        alike = np.flatnonzero(near & (thumbnails[:i] == thumbnails[i]).all(axis=(1, 2, 3)))
        assert index.find(i) == (int(alike[0]) if len(alike) else None)
        found += len(alike) > 0
        index.add(i)
    assert 100 < found < 950


def test_a_flat_picture_has_the_hash_of_a_flat_picture() -> None:
    grey, white = (perceptual_hash(Image.new("RGB", (50, 30), c)) for c in ("grey", "white"))
    assert grey == white
