"""Upscaling: any picture, in tiles that nobody can tell from the whole."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from minimagen import Imagen
from minimagen.conditioning import Conditioning
from minimagen.errors import UsageError
from minimagen.imagen import from_picture, to_pictures
from minimagen.models.tiling import margin
from minimagen.upscaling import LARGEST

CAPTION = "a red circle"
ONE_BYTE = 1  # of 255: what is left of rounding when a sum is taken in another order


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def apart(one: Image.Image, other: Image.Image) -> int:
    """Return the largest difference of two pictures of one size, in bytes."""
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other)).max())


def test_at_a_stages_own_size_it_is_that_stage(imagen: Imagen) -> None:
    stage, small = imagen.stages[1], picture(16, 16)
    cond = Conditioning(imagen.encode([CAPTION]), stage.lowres(from_picture(small), 3, [5]))
    [expected] = to_pictures(stage.sample(cond, seed=3, numbers=[5]))
    [found] = imagen.upscale([small], [CAPTION], seed=3, first_number=5)
    assert apart(found, expected) <= ONE_BYTE


@pytest.mark.parametrize("guidance_scale", [1.0, 2.0])
def test_tiles_are_the_whole(imagen: Imagen, guidance_scale: float) -> None:
    how = {"guidance_scale": guidance_scale, "steps": 3}
    [whole] = imagen.upscale([picture(90, 70)], [CAPTION], tile=1000, **how)
    [pieces] = imagen.upscale([picture(90, 70)], [CAPTION], tile=40, **how)
    assert apart(whole, pieces) <= ONE_BYTE


def test_the_network_never_sees_more_than_a_tile_and_what_is_around_it(imagen: Imagen) -> None:
    seen: list[int] = []
    network = imagen.stages[1].network
    network.register_forward_pre_hook(lambda _, told: seen.append(max(told[0].shape[2:])))
    imagen.upscale([picture(300, 40)], [CAPTION], tile=64)
    assert max(seen) == 64 + 2 * margin(network.config) < 600


@pytest.mark.parametrize("sides", [(16, 16), (17, 45), (101, 16), (33, 31)])
def test_every_pixel_becomes_as_many_whatever_the_sides(
    imagen: Imagen, sides: tuple[int, int]
) -> None:
    [larger] = imagen.upscale([picture(*sides)])
    assert larger.size == (2 * sides[0], 2 * sides[1])


def test_a_picture_does_not_depend_on_the_others(imagen: Imagen) -> None:
    both = imagen.upscale([picture(20, 16), picture(16, 24, 1)], [CAPTION, "a blue square"])
    [second] = imagen.upscale([picture(16, 24, 1)], ["a blue square"], first_number=1)
    assert apart(both[1], second) <= ONE_BYTE
    [other] = imagen.upscale([picture(16, 24, 1)], ["a blue square"], first_number=0)
    assert apart(both[1], other) > 2


def test_it_tells_how_far_it_is(imagen: Imagen) -> None:
    heard: list[tuple[int, int]] = []
    imagen.upscale([picture(40, 40)], steps=3, told=lambda *numbers: heard.append(numbers))
    assert heard == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("ask", "complaint"),
    [
        (lambda i: i.upscale([picture(15, 40)]), "picture 0: is 15 x 40 pixels; give one of at"),
        (lambda i: i.upscale([picture(16, 16)], ["a", "b"]), "2 captions for 1 pictures"),
        (lambda i: i.upscale([]), "captions: "),
        (lambda i: i.upscale([picture(16, 16)], stages=[0]), "stages 0: the fitted ones that"),
        (lambda i: i.upscale([picture(16, 16)], stages=[2]), "stages 2: .* are 1; choose of them"),
        (lambda i: i.upscale([picture(16, 16)], tile=0), "tile 0"),
        (lambda i: i.upscale([picture(16, 16)], steps=0), "0 sampling steps"),
        (lambda i: i.upscale([picture(16, 16)], sampler="x"), "no sampler of this name"),
        (lambda i: i.upscale([picture(16, 16)], augmentation=2.0), "augmentation"),
    ],
)
def test_what_cannot_be_done_is_said(
    imagen: Imagen, ask: Callable[[Imagen], object], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        ask(imagen)


def test_a_result_that_would_be_enormous_is_refused_before_anything_is_drawn(
    imagen: Imagen,
) -> None:
    side = int((LARGEST / 4) ** 0.5) + 1
    with pytest.raises(UsageError, match=rf"would become {2 * side} x {2 * side} pixels"):
        imagen.upscale([Image.new("RGB", (side, side))])


def test_a_cascade_of_one_stage_cannot_enlarge(imagen: Imagen) -> None:
    alone = Imagen(imagen.config, imagen.stages[:1])
    with pytest.raises(UsageError, match="stages none: the fitted ones that enlarge are none"):
        alone.upscale([picture(16, 16)])


def test_hidden_colours_stay_hidden(imagen: Imagen) -> None:
    clear = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
    [found], [expected] = (
        imagen.upscale([clear]),
        imagen.upscale([Image.new("RGB", (16, 16), "white")]),
    )
    assert apart(found, expected) == 0
