"""Bounds of what can be asked for, each told in a sentence."""

import base64
import io
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError

from minimagen.apps.requests import DrawRequest, sentence
from minimagen.apps.uploads import MAX_SIDE, read_mask, read_picture, size_of, transparent_parts
from tests.apps.conftest import mask_file, picture_file, png

ONE = {"captions": ["a red circle"]}
EDIT = {"kind": "inpaint", "picture": picture_file(), "mask": mask_file()}


def test_it_is_the_same_from_python_and_from_json() -> None:
    request = DrawRequest.model_validate({**ONE, "steps": [4, 2], "edit": EDIT})
    assert DrawRequest.model_validate_json(request.model_dump_json()) == request
    assert hash(request) == hash(DrawRequest.model_validate(request.model_dump()))


def test_pictures_may_be_bytes_base64_a_data_url_or_an_image() -> None:
    own = picture_file()
    text = base64.b64encode(own).decode()
    image = read_picture(own)
    assert read_picture(text) == read_picture(f"data:image/png;base64,{text}") == image
    assert read_picture(Image.open(io.BytesIO(own))) == image


def test_pictures_are_made_our_own() -> None:
    """Reduced, and with nothing in them but pixels; doing it twice changes nothing."""
    wide = Image.new("RGB", (3000, 600), "red")
    own = read_picture(png(wide))
    assert size_of(own) == (MAX_SIDE, round(600 * MAX_SIDE / 3000))
    assert read_picture(own) == own
    assert size_of(read_mask(png(Image.new("L", (3000, 600), 255)))) == size_of(own)


def test_a_thin_line_of_a_large_mask_is_not_lost() -> None:
    mask = Image.new("L", (4000, 4000))
    mask.paste(255, (2000, 0, 2001, 4000))
    small = Image.open(io.BytesIO(read_mask(png(mask))))
    assert small.getextrema() == (0, 255)


def test_transparent_parts_are_a_mask() -> None:
    hole = transparent_parts(picture_file(40, "RGBA"))
    assert hole is not None
    assert hole.getpixel((0, 0)) == 255
    assert hole.getpixel((20, 20)) == 0
    assert transparent_parts(picture_file()) is None


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no captions": ({"captions": []}, "captions: tuple should have at least 1 item"),
    "many captions": ({"captions": ["x"] * 33}, "captions: tuple should have at most 32"),
    "many pictures": (
        {"captions": ["x"] * 32, "images_per_caption": 3},
        "the request: 96 pictures are more than the 64 of one request",
    ),
    "a caption": ({"captions": ["x" * 4001]}, "captions.0: string should have at most 4000"),
    "null": ({"captions": [None]}, "captions.0: input should be a valid string"),
    "steps": ({"steps": 0}, "steps: input should be greater than or equal to 1"),
    "steps of a stage": ({"steps": [4, 999]}, "steps.1: input should be less than or equal to 250"),
    "no number": ({"guidance_scale": float("nan")}, "guidance_scale: input should be a finite"),
    "a ratio": ({"aspect_ratio": 9}, "aspect_ratio: input should be less than or equal to 4"),
    "unknown": ({"strength": 1}, "strength: is not known; leave it out"),
    "an edit's kind": ({"edit": {"kind": "magic"}}, "edit: input tag 'magic'"),
    "no picture": ({"edit": {"kind": "upscale"}}, "edit.picture: is missing"),
    "strength": (
        {"edit": {"kind": "image_to_image", "picture": picture_file(), "strength": 0}},
        "edit.strength: input should be greater than 0",
    ),
    "resample": ({"edit": EDIT | {"resample": 11}}, "edit.resample: input should be less than"),
    "mask": ({"edit": EDIT | {"mask": mask_file(10)}}, "edit: the mask is 10 x 10 pixels"),
    "a path": ({"edit": EDIT | {"mask": "mask.png"}}, "edit.mask: no base64 of a picture; paths"),
    "a number": ({"edit": EDIT | {"mask": 3}}, "edit.mask: no picture; send a file's bytes"),
}


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DrawRequest.model_validate({**ONE, **changes})
    assert sentence(caught.value.errors()).startswith(message)


def test_a_nul_is_mended_and_half_a_character_refused() -> None:
    assert DrawRequest(captions=("a\0b",)).captions == ("a b",)
    with pytest.raises(ValidationError, match="unicode"):
        DrawRequest(captions=("\ud800",))
