import pytest
import torch
from scipy.ndimage import gaussian_filter

from minimagen.evaluation.features.spoiling import KINDS, blurred, spoilt

IMAGES = torch.rand(6, 3, 24, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_a_blur_is_scipys_gaussian() -> None:
    """1e-3: taps end after five pixels."""
    found = blurred(IMAGES[:3], torch.tensor([0.0, 0.8, 1.6]))
    assert torch.allclose(found[0], IMAGES[0], atol=1e-6)
    for row, sigma in ((1, 0.8), (2, 1.6)):
        expected = gaussian_filter(
            IMAGES[row].numpy(), (0, sigma, sigma), mode="nearest", radius=(0, 5, 5)
        )
        assert torch.allclose(found[row], torch.from_numpy(expected), atol=1e-3)


def test_what_was_done_is_said_and_stays_in_range() -> None:
    many = IMAGES.repeat(40, 1, 1, 1)
    images, strengths = spoilt(many, torch.Generator().manual_seed(1))
    assert strengths.shape == (240, len(KINDS))
    assert images.abs().max() <= 1
    untouched = (strengths == 0).all(dim=1)
    assert 0 < untouched.sum() < 40  # 1 in 32
    assert torch.allclose(images[untouched], many[untouched], atol=1e-6)
    changed = (images - many).flatten(1).norm(dim=1)
    assert (changed[~untouched] > 0).all()
    assert strengths[:, 0].ne(0).double().mean().item() == pytest.approx(0.5, abs=0.1)
