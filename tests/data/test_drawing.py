import time

import numpy as np
import pytest
from PIL import Image

from minimagen.data.drawing import draw
from minimagen.data.shapes import scene
from minimagen.data.world import COLOURS, SHAPES, Scene, Thing

SCENES = [scene(0, index, "scenes") for index in range(24)]


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.square(a.astype(float) - b).mean()))


def large(shape: str, colour: str) -> Scene:
    return Scene((Thing(shape, colour, 0.5, 0.5, 0.34),), "", 190.0)


@pytest.mark.parametrize("size", [256, 512])
def test_a_picture_drawn_small_is_the_large_one_reduced(size: int) -> None:
    """At 35 dB nobody sees a difference; 41 dB and more are measured."""
    for described in SCENES:
        reduced = Image.fromarray(draw(described, size)).resize((64, 64), Image.Resampling.BILINEAR)
        assert psnr(draw(described, 64), np.asarray(reduced)) >= 35


@pytest.mark.parametrize("colour", COLOURS)
def test_each_colour_has_its_mean_and_its_weave(colour: str) -> None:
    """The mean over whole threads is the colour within a rounding; 64 px show none of the weave."""
    described = large("square", colour)
    inside = {
        size: draw(described, size)[size * 3 // 8 : size * 5 // 8][:, size * 3 // 8 : size * 5 // 8]
        for size in (64, 256, 512)
    }
    for pixels in inside.values():
        assert np.abs(pixels.mean(axis=(0, 1)) - COLOURS[colour]).max() <= 0.6
    assert inside[64].std(axis=(0, 1)).max() == 0
    assert inside[256].std(axis=(0, 1)).max() >= 5
    assert inside[512].std(axis=(0, 1)).max() >= 5


def test_no_two_colours_share_a_weave() -> None:
    """Dots are half of either stripes, a correlation of 0.71; all else is less alike."""
    tiles = [draw(large("square", colour), 512)[240:256, 240:256].sum(axis=2) for colour in COLOURS]
    flat = np.array([(tile - tile.mean()).ravel() for tile in tiles])
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    assert np.abs(flat @ flat.T - np.eye(len(flat))).max() < 0.8


@pytest.mark.parametrize("shape", SHAPES["scenes"])
@pytest.mark.parametrize("size", [33, 64, 100])
def test_shapes_stay_inside_their_box_and_fill_it(shape: str, size: int) -> None:
    """The box is half-width 0.34 around the middle; the filter adds one pixel."""
    coloured = np.ptp(draw(large(shape, "red"), size).astype(int), axis=2) > 20
    rows, columns = coloured.any(axis=1).nonzero()[0], coloured.any(axis=0).nonzero()[0]
    for first, last in ((rows[0], rows[-1]), (columns[0], columns[-1])):
        assert first + 1 >= (0.5 - 0.34) * size - 1
        assert last <= (0.5 + 0.34) * size + 1
        assert last - first >= 2 * 0.8 * 0.34 * size


def test_the_circle_has_the_area_of_a_circle() -> None:
    red = draw(large("circle", "red"), 256)[:, :, 2].astype(float)
    covered = ((190 - red) / (190 - 40)).mean()
    assert covered == pytest.approx(np.pi * 0.34**2, rel=0.01)  # weave and bytes average out


def test_drawing_is_fast_enough_for_a_step() -> None:
    """4 ms at 512 px and 0.4 ms at 64 px are measured; four times that allows for others."""
    for size, budget_s in ((64, 0.0016), (512, 0.016)):
        taken = []
        for described in SCENES:
            start = time.process_time()
            draw(described, size)
            taken.append(time.process_time() - start)
        assert sorted(taken)[len(taken) // 2] < budget_s
