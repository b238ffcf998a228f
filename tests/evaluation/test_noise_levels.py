"""The errors of a set of pictures are those of its pictures."""

import pytest
import torch

from minimagen import Imagen
from minimagen.conditioning import Conditioning
from minimagen.data.shapes import ShapesConfig, ShapesSource
from minimagen.evaluation.noise_levels import LEVELS, error_curve
from minimagen.evaluation.pictures import FromSource, images_of
from minimagen.looking.noise_levels import evenly_spread, loss_by_noise_level

SOURCE = ShapesSource(ShapesConfig(size=8, variant="single"))


def test_the_first_picture_s_errors_are_those_that_looking_at_it_finds(imagen: Imagen) -> None:
    stage = imagen.stages[0]
    pictures = FromSource(SOURCE, [4, 1, 2], 16)
    curve = error_curve(imagen, stage, pictures, seed=5)
    alone = loss_by_noise_level(
        stage,
        images_of(pictures, [0]),
        Conditioning(imagen.encode([pictures.captions[0]])),
        evenly_spread(stage, LEVELS),
        draws=1,
        seed=5,
    )
    assert curve.errors.shape == (LEVELS, 3)
    assert list(curve.log_snrs) == [level.log_snr for level in alone]
    expected = torch.tensor([level.error for level in alone], dtype=torch.float64)
    assert torch.allclose(curve.errors[:, 0], expected, rtol=1e-4)  # captions padded otherwise


def test_means_and_their_errors_are_over_pictures(imagen: Imagen) -> None:
    curve = error_curve(imagen, imagen.stages[1], FromSource(SOURCE, [0, 1, 2, 3], 32))
    assert curve.means == pytest.approx(curve.errors.mean(dim=1).tolist())
    spread = curve.errors.std(dim=1, correction=0) / 2
    assert curve.standard_errors == pytest.approx(spread.tolist())
