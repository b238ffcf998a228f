import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor

from minimagen.data.drawing import draw
from minimagen.data.shapes import scene
from minimagen.evaluation.enlargement import consistency, enlarged_by, psnr, ssim
from minimagen.lowres import resize
from minimagen.tensors import from_uint8


def scenes(count: int, size: int) -> Tensor:
    drawn = np.stack([draw(scene(0, index, "scenes"), size) for index in range(count)])
    return from_uint8(torch.from_numpy(drawn).permute(0, 3, 1, 2))


def test_psnr_is_that_of_each_picture() -> None:
    """An error of 0.2 in a range of 2 everywhere is 20 dB."""
    images = torch.zeros(3, 3, 8, 8)
    found = psnr(images + torch.tensor([0.0, 0.2, 0.02]).view(3, 1, 1, 1), images)
    assert found.tolist() == [math.inf, pytest.approx(20.0), pytest.approx(40.0)]


def ssim_by_scipy(a: Tensor, b: Tensor) -> float:
    """Wang et al. 2004, eq. 13, of one picture in [0, 1]; mirrored at the edges."""

    def smooth(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, 1.5, radius=5, mode="mirror")

    found = []
    for x, y in zip(((a + 1) / 2).double().numpy(), ((b + 1) / 2).double().numpy(), strict=True):
        mean_x, mean_y = smooth(x), smooth(y)
        var_x, var_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
        both = smooth(x * y) - mean_x * mean_y
        above = (2 * mean_x * mean_y + 0.01**2) * (2 * both + 0.03**2)
        below = (mean_x**2 + mean_y**2 + 0.01**2) * (var_x + var_y + 0.03**2)
        found.append(above / below)
    return float(np.mean(found))


def test_ssim_agrees_with_a_second_implementation() -> None:
    images = scenes(3, 64)
    noisy = (
        images + 0.1 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    ).clamp(-1, 1)
    found = ssim(noisy, images)
    for own, a, b in zip(found.tolist(), noisy, images, strict=True):
        assert own == pytest.approx(ssim_by_scipy(a, b), abs=1e-6)
    assert ssim(images, images).tolist() == [pytest.approx(1.0)] * 3


def test_what_was_enlarged_well_is_consistent_with_what_it_was_made_from() -> None:
    large = scenes(4, 128)
    small = resize(large, 64)
    assert (consistency(large, small) == math.inf).all()
    assert (consistency(enlarged_by("bicubic", small, 128), small) > 35).all()
    assert (consistency(large.flip(3), small) < 25).all()


@pytest.mark.parametrize("how", ["bicubic", "lanczos"])
def test_a_filter_enlarges_as_pillow_does(how: str) -> None:
    small = scenes(2, 32)
    made = enlarged_by(how, small, 64)
    assert made.shape == (2, 3, 64, 64)
    picture = Image.fromarray(draw(scene(0, 1, "scenes"), 32))
    expected = np.array(picture.resize((64, 64), Image.Resampling[how.upper()]))
    assert torch.equal(made[1], from_uint8(torch.from_numpy(expected).permute(2, 0, 1)[None])[0])
