"""Stages are measured beside filters on the same small pictures."""

from contextlib import nullcontext

import pytest

from minimagen import Imagen
from minimagen.data.shapes import ShapesConfig, ShapesSource
from minimagen.evaluation.enlargement import enlarged_by, psnr
from minimagen.evaluation.pictures import FromSource, images_of
from minimagen.evaluation.super_resolution import WAYS, enlargements
from minimagen.lowres import resize

SOURCE = ShapesSource(ShapesConfig(size=8, variant="single"))


def silent(title: str, total: int) -> nullcontext:  # type: ignore[type-arg]
    return nullcontext(lambda more: None)


def test_every_way_of_every_upper_stage(imagen: Imagen) -> None:
    found = enlargements(imagen, SOURCE, range(6), 32, silent)
    assert [(each.stage, each.size, each.way) for each in found] == [(1, 32, way) for way in WAYS]
    originals = images_of(FromSource(SOURCE, range(6), 32), range(6))
    expected = psnr(enlarged_by("bicubic", resize(originals, 16), 32), originals)
    stage, bicubic, lanczos = found
    assert bicubic.psnr.value == pytest.approx(expected.mean().item())
    assert bicubic.beyond_bicubic is None
    assert stage.beyond_bicubic is not None
    assert lanczos.beyond_bicubic is not None
    assert lanczos.psnr.value == pytest.approx(
        bicubic.psnr.value + lanczos.beyond_bicubic.difference
    )
    assert stage.psnr.value < bicubic.psnr.value  # its weights are drawn, not learnt


def test_stages_beyond_a_size_are_left_out(imagen: Imagen) -> None:
    assert enlargements(imagen, SOURCE, range(2), 16, silent) == []
