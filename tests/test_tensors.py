import pytest
import torch

from minimagen.tensors import crop, from_uint8, mean_per_sample, to_uint8


@pytest.mark.parametrize("shape", [(3, 2), (3, 2, 4), (3, 2, 4, 5)])
def test_mean_per_sample_keeps_the_batch(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape)
    assert torch.allclose(mean_per_sample(x), torch.stack([row.mean() for row in x]))


def test_all_bytes_come_back() -> None:
    """Out of [-1, 1], where 0 is -1 and 255 is 1."""
    every = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    images = from_uint8(every)
    assert images.dtype == torch.float32
    assert (images.min(), images.max()) == (-1, 1)
    assert torch.equal(to_uint8(images), every)


def test_bytes_are_the_nearest_and_values_outside_are_clamped() -> None:
    values = torch.tensor([-9.0, -1.0, 0.0, 0.0118, 0.9999, 1.0, 9.0])
    assert to_uint8(values).tolist() == [0, 0, 128, 129, 255, 255, 255]


def test_crop_cuts_each_image_at_its_own_corner() -> None:
    images = torch.arange(2 * 3 * 6 * 6).view(2, 3, 6, 6)
    cut = crop(images, torch.tensor([[0, 2], [3, 1]]), 3)
    assert torch.equal(cut[0], images[0, :, 0:3, 2:5])
    assert torch.equal(cut[1], images[1, :, 3:6, 1:4])
