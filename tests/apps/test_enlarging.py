"""Which stages enlarge a picture."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from minimagen import Imagen
from minimagen.apps.enlarging import enlargement_of
from minimagen.apps.requests import DrawRequest, Upscale
from minimagen.cascade import CascadeConfig
from minimagen.errors import UsageError
from tests.conftest import cascade_of


@pytest.fixture
def imagen(write_parameters: Callable[..., Path]) -> Imagen:
    return Imagen.create(CascadeConfig.read(write_parameters(cascade_of(16, 64, 256))))


@pytest.mark.parametrize(
    ("width", "height", "stages", "becomes"),
    [
        (16, 16, [1, 2], (256, 256)),
        (60, 16, [1, 2], (256, 960)),
        (64, 32, [2], (128, 256)),
        (400, 300, [2], (1200, 1600)),  # no stage draws larger ones: the last does
        (512, 512, [2], (2048, 2048)),
    ],
)
def test_stages_that_draw_larger_pictures_enlarge_one(
    imagen: Imagen, width: int, height: int, stages: list[int], becomes: tuple[int, int]
) -> None:
    found = enlargement_of(imagen, asking(width, height), imagen.plan())
    assert found is not None
    assert [plan.stage.index for plan in found.plans] == stages
    assert found.sides == becomes


def test_the_first_stages_are_left_out_before_a_result_is_too_large(imagen: Imagen) -> None:
    plans = imagen.plan()
    for stage in (1, 2):
        assert plans[stage].stage.smaller == 16 * 4 ** (stage - 1)
    found = enlargement_of(imagen, asking(63, 63), plans)
    assert found is not None
    assert found.sides == (1008, 1008)
    with pytest.raises(UsageError, match="2052 x 64 pixels; send a smaller one, for 2048"):
        enlargement_of(imagen, asking(513, 16), plans)


def asking(width: int, height: int) -> DrawRequest:
    return DrawRequest(captions=("a",), edit=Upscale(picture=Image.new("RGB", (width, height))))
