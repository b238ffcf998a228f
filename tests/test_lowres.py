"""One door between stages: training and sampling see the same low-res image."""

import pytest
import torch
from PIL import Image
from torch import Tensor

from minimagen.diffusion.schedules import CosineSchedule
from minimagen.lowres import Filter, prepare_lowres, resize, surroundings
from minimagen.tensors import blur, blur_reach, crop, from_uint8

SCHEDULE = CosineSchedule()
SOURCE = torch.Generator().manual_seed(0)
SMALLER = torch.rand(3, 3, 16, 16, generator=SOURCE) * 2 - 1
T = torch.tensor([0.0, 0.1, 0.5])


def test_a_crop_in_training_is_the_same_cut_of_what_sampling_sees() -> None:
    """Bit for bit, with the noise of the whole picture cut by the same corners."""
    eps = torch.randn(3, 3, 64, 64, generator=SOURCE)
    corners = torch.tensor([[0, 0], [8, 44], [44, 3]])
    sampling = prepare_lowres(SMALLER, 64, T, eps, SCHEDULE)
    training = prepare_lowres(SMALLER, 64, T, crop(eps, corners, 20), SCHEDULE, corners)
    assert torch.equal(training.image, crop(sampling.image, corners, 20))
    assert torch.equal(training.log_snr, sampling.log_snr)


def test_noise_is_added_after_upsampling_by_the_schedule() -> None:
    """alpha x + sigma eps, with one level for each image, and that level is told."""
    eps = torch.randn(3, 3, 64, 64, generator=SOURCE)
    lowres = prepare_lowres(SMALLER, 64, T, eps, SCHEDULE)
    at = SCHEDULE.at(T, like=eps)
    assert torch.equal(lowres.image, at.alpha * resize(SMALLER, 64) + at.sigma * eps)
    assert torch.equal(lowres.log_snr, at.flat_log_snr)
    assert lowres.log_snr.unique().numel() == 3


@pytest.mark.parametrize("size", [4, 16, 24, 64])
def test_resizing_stays_in_range(size: int) -> None:
    """Bilinear weights are positive and sum to 1, up to rounding."""
    extremes = (torch.rand(2, 3, 16, 16, generator=SOURCE) > 0.5) * 2.0 - 1
    resized = resize(extremes, size)
    assert resized.shape == (2, 3, size, size)
    assert resized.abs().max() <= 1 + 1e-6


@pytest.mark.parametrize("size", [6, 8, 40])
def test_resizing_is_pillows_bilinear_filter(size: int) -> None:
    """Both are antialiased; Pillow rounds to bytes after each of two passes, so within one byte."""
    pixels = torch.randint(0, 256, (16, 16, 3), generator=SOURCE, dtype=torch.uint8)
    theirs = Image.fromarray(pixels.numpy()).resize((size, size), Image.Resampling.BILINEAR)
    ours = resize(from_uint8(pixels.permute(2, 0, 1)[None]), size)
    expected = torch.frombuffer(bytearray(theirs.tobytes()), dtype=torch.uint8)
    expected = from_uint8(expected.view(size, size, 3).permute(2, 0, 1)[None])
    assert (ours - expected).abs().max() <= 1.01 / 127.5


def test_the_same_size_is_left_alone() -> None:
    assert resize(SMALLER, 16) is SMALLER


def test_reducing_what_was_enlarged_gives_nearly_the_picture_back() -> None:
    """A smooth picture: two bilinear passes blur by a pixel of it, 1/8 of its slope of 2 / 16."""
    ramp = torch.linspace(-1, 1, 16).expand(1, 3, 16, 16)
    again = resize(resize(ramp, 64), 16)
    assert (again - ramp).abs().max() < 2 / 16


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("how", ["bilinear", "bicubic"])
def test_what_surrounds_a_crop_is_all_that_its_low_res_image_depends_on(
    scale: int, how: Filter
) -> None:
    """At edges, in the middle, and where a crop begins inside a low-res pixel.

    Positions of the filter are computed from another origin: the same up to rounding.
    """
    images = torch.rand(4, 3, 96, 120, generator=SOURCE) * 2 - 1
    corners = torch.tensor([[0, 0], [96 - 20, 120 - 24], [37, 50], [96 - 20, 7]])
    whole = resize(resize(images, (96 // scale, 120 // scale)), (96, 120), how)
    pieces, places = surroundings(images, corners, (20, 24), scale)
    height, width = pieces.shape[2:]
    assert height < 96
    again = resize(resize(pieces, (height // scale, width // scale)), (height, width), how)
    expected, found = crop(whole, corners, 20, 24), crop(again, places, 20, 24)
    assert (found - expected).abs().max() < 1e-5
    assert torch.equal(crop(pieces, places, 20, 24), crop(images, corners, 20, 24))


def test_a_blurred_low_res_image_of_a_crop_is_the_whole_picture_s() -> None:
    """Standard deviations up to two pixels, each image its own."""
    images = torch.rand(4, 3, 128, 160, generator=SOURCE) * 2 - 1
    corners = torch.tensor([[0, 0], [128 - 20, 160 - 24], [53, 70], [128 - 20, 7]])
    sigma = torch.tensor([0.0, 0.7, 1.3, 2.0])

    def shown(pictures: Tensor) -> Tensor:
        height, width = pictures.shape[2:]
        small = resize(pictures, (height // 2, width // 2))
        return resize(blur(small, sigma, 2.0), (height, width), "bicubic")

    pieces, places = surroundings(images, corners, (20, 24), 2, blur_reach(2.0))
    assert pieces.shape[2] < 128
    expected, found = crop(shown(images), corners, 20, 24), crop(shown(pieces), places, 20, 24)
    assert (found - expected).abs().max() < 1e-5


@pytest.mark.parametrize("sigma", [1.0, 1.5])
def test_a_blur_spreads_a_point_by_its_standard_deviation(sigma: float) -> None:
    """The variance of a sampled Gaussian cut at three deviations: within 4 % of sigma squared."""
    point = torch.zeros(1, 1, 31, 31)
    point[..., 15, 15] = 1
    spread = blur(point, torch.tensor([sigma]), 1.5)[0, 0].sum(dim=0)
    places = torch.arange(31) - 15.0
    assert abs(float((spread * places**2).sum()) / sigma**2 - 1) < 0.04


def test_no_blur_leaves_the_very_images() -> None:
    images = torch.rand(2, 3, 8, 8, generator=SOURCE)
    assert blur(images, torch.zeros(2), 0.0) is images


def test_a_crop_as_large_as_its_picture_is_surrounded_by_nothing() -> None:
    images = torch.rand(1, 3, 64, 64, generator=SOURCE)
    pieces, places = surroundings(images, torch.zeros(1, 2, dtype=torch.int64), (64, 64), 4)
    assert torch.equal(pieces, images)
    assert not places.any()
