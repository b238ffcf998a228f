"""Edits through a small cascade with drawn weights: what must hold whatever it has learnt."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from minimagen import Imagen
from minimagen.canvas import Canvas
from minimagen.cascade import CascadeConfig
from minimagen.editing.image_to_image import image_to_image
from minimagen.editing.inpainting import inpainting
from minimagen.editing.inversion import by_inversion
from minimagen.editing.mixing import between_captions, variation
from minimagen.editing.outpainting import framed, margin
from minimagen.editing.pictures import fitted, touched
from minimagen.editing.regions import by_region
from minimagen.editing.style import style_transfer
from minimagen.errors import UsageError
from minimagen.tensors import from_uint8, to_uint8
from tests.conftest import cascade_of

CAPTIONS = ["a red circle", "a blue square"]
ROUNDING = 1e-4  # float32 sums in another order, through a few steps


def pictures(count: int = 2, side: int = 32) -> Tensor:
    """Return pictures that are bytes, as files are."""
    source = torch.Generator().manual_seed(3)
    bytes_ = torch.randint(0, 256, (count, 3, side, side), generator=source, dtype=torch.uint8)
    return from_uint8(bytes_)


def right_half(side: int = 32) -> Tensor:
    mask = torch.zeros(1, 1, side, side, dtype=torch.bool)
    mask[..., side // 2 :] = True
    return mask


@pytest.mark.parametrize("resample", [1, 3])
def test_inpainting_leaves_every_known_byte_as_it_is(imagen: Imagen, resample: int) -> None:
    known, mask = pictures(), right_half()
    drawn = imagen.sample(CAPTIONS, edit=inpainting(known, mask, resample=resample))
    assert torch.equal(to_uint8(drawn)[..., :16], to_uint8(known)[..., :16])
    assert not torch.equal(drawn[..., 16:], known[..., 16:])


def test_inpainting_does_not_look_at_what_the_mask_hides(imagen: Imagen) -> None:
    known, mask = pictures(), right_half()
    other = torch.where(mask, torch.ones(()), known)
    one, two = (imagen.sample(CAPTIONS, edit=inpainting(p, mask)) for p in (known, other))
    assert torch.equal(one, two)


@pytest.mark.parametrize("sides", [(16, 16), (12, 20), (7, 5)])
def test_untouched_pixels_of_a_smaller_picture_show_nothing_masked(sides: tuple[int, int]) -> None:
    """A filter's weights are products of thirds and the like; a leak would be of order 0.01."""
    known, mask = pictures(), right_half()
    other = torch.where(mask, -known, known)
    apart = (fitted(known, sides) - fitted(other, sides)).abs().amax(dim=1, keepdim=True)
    assert apart[~touched(mask, sides).expand_as(apart)].max() < 1e-6


def test_image_to_image_is_closer_the_less_noise_there_is(imagen: Imagen) -> None:
    known = fitted(pictures(), (16, 16)) * 0.2
    apart = [
        (imagen.sample(CAPTIONS, size=16, steps=20, edit=image_to_image(known, s)) - known)
        .square()
        .mean()
        for s in (0.05, 0.4, 1.0)
    ]
    assert apart == sorted(apart)


def test_no_variation_is_the_picture_and_a_whole_one_is_the_other_seeds(imagen: Imagen) -> None:
    """Base alone: the noise on low-res images keeps its own seed."""
    plain = {seed: imagen.sample(CAPTIONS, size=16, seed=seed) for seed in (1, 2)}
    none = imagen.sample(CAPTIONS, size=16, seed=1, edit=variation(0.0, 2))
    whole = imagen.sample(CAPTIONS, size=16, seed=1, edit=variation(1.0, 2))
    assert torch.equal(none, plain[1])
    assert torch.allclose(whole, plain[2], atol=ROUNDING)


def test_the_ends_between_two_captions_are_the_captions(imagen: Imagen) -> None:
    other = imagen.encode(CAPTIONS[::-1])
    assert other is not None
    one = imagen.sample(CAPTIONS, edit=between_captions(other, 0.0))
    assert torch.allclose(one, imagen.sample(CAPTIONS), atol=ROUNDING)
    two = imagen.sample(CAPTIONS[:1], edit=between_captions(other[:1], 1.0))
    assert torch.allclose(two, imagen.sample(CAPTIONS[1:]), atol=ROUNDING)


def test_a_region_that_is_everywhere_speaks_alone(imagen: Imagen) -> None:
    text = imagen.encode(CAPTIONS[1:])
    assert text is not None
    drawn = imagen.sample([""], edit=by_region([text], torch.ones(1, 1, 32, 32)))
    assert torch.allclose(drawn, imagen.sample(CAPTIONS[1:]), atol=ROUNDING)
    nowhere = imagen.sample(CAPTIONS[:1], edit=by_region([text], torch.zeros(1, 1, 32, 32)))
    assert torch.allclose(nowhere, imagen.sample(CAPTIONS[:1]), atol=ROUNDING)


def test_an_edit_does_not_depend_on_the_batch(imagen: Imagen) -> None:
    """Equal draws and each its own picture; 2 / 255 is what other batch shapes may leave."""
    edit = image_to_image(pictures(), 0.6)
    together = imagen.sample(CAPTIONS, edit=edit)
    alone = imagen.sample(CAPTIONS, edit=edit, batch_size=1)
    assert (together - alone).abs().max() <= 2 / 255


def test_an_inversion_comes_back(write_parameters: Callable[..., Path]) -> None:
    """A fresh network's answer is constant, so the walk is exact but for its little first noise.

    That noise has sigma / alpha = exp(-2); what the last step makes of it is the network's answer,
    0, in place of the picture: so the noise found is compared, not the picture.
    """
    fresh = Imagen.create(CascadeConfig.read(write_parameters(cascade_of(16))))
    found: list[Tensor] = []

    def edit(canvas: Canvas) -> Tensor:
        from minimagen.editing import inversion

        grid = inversion._grid(canvas, 1.0)
        x = inversion.inverted(canvas, canvas.bind(canvas.cond, guided=False), known, grid)
        back = canvas.walk(canvas.bind(canvas.cond, guided=False), x, grid)
        found.extend([canvas.noised(known, float(grid[-1])), back])
        return back

    known = fitted(pictures(1), (16, 16)) * 0.3
    fresh.sample(CAPTIONS[:1], sampler="ddim", steps=20, edit=edit)
    assert torch.allclose(*found, atol=ROUNDING)


def test_a_style_goes_from_what_a_picture_shows_to_the_caption(imagen: Imagen) -> None:
    """Amount 0 is the first caption, amount 1 the second, both from the picture's own noise."""
    shows = imagen.encode(CAPTIONS[:1])
    assert shows is not None
    for amount, caption in ((0.0, CAPTIONS[0]), (1.0, CAPTIONS[1])):
        styled = imagen.sample(
            CAPTIONS[1:], size=16, edit=style_transfer(pictures(1), shows, amount=amount)
        )
        expected = imagen.sample([caption], size=16, edit=by_inversion(pictures(1), shows))
        assert torch.allclose(styled, expected, atol=ROUNDING)


def test_a_picture_stands_in_its_frame_where_it_is_put() -> None:
    known = pictures(1)
    frame, mask = framed(known, (64, 64), 0.5, (0.0, 1.0)), margin((64, 64), 0.5, (0.0, 1.0))
    assert torch.equal(frame[..., :32, 32:], known)
    assert not mask[..., :32, 32:].any()
    assert mask.sum() == 64 * 64 - 32 * 32


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: image_to_image(pictures(), 2.0), "strength 2: give a number above 0 and up to"),
        (lambda: by_inversion(pictures(), None, 0.0), "strength 0"),
        (lambda: style_transfer(pictures(), None, strength=2.0), "strength 2"),  # type: ignore
        (lambda: inpainting(pictures(), right_half(16)), "mask: is 16 x 16 pixels and its"),
        (lambda: inpainting(pictures(), ~right_half() & right_half()), "mask: covers nothing"),
        (lambda: inpainting(pictures(), right_half(), resample=0), "resample 0"),
        (lambda: framed(pictures(), (64, 64), 1.0, (0.5, 0.5)), "share 1: of the frame"),
        (lambda: by_region([], torch.ones(1, 1, 8, 8)), "0 captions for 1 masks"),
    ],
)
def test_what_cannot_be_done_is_said(make: Callable[[], object], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        make()
