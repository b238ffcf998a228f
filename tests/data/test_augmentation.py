"""Augmentation: keyed by sample number, and it does what its parameter says."""

import pytest
import torch

from minimagen.data.augmentation import PictureAugmentation, augmented

SOURCE = torch.Generator().manual_seed(0)
IMAGES = torch.rand(6, 3, 24, 32, generator=SOURCE) * 1.6 - 0.8
GREY = torch.zeros(64, 3, 16, 24)
EVERYTHING = PictureAugmentation(
    share=0.8,
    brightness=0.2,
    contrast=0.2,
    saturation=0.3,
    hue=15.0,
    rotation=10.0,
    zoom=0.1,
    shift=0.1,
    blur=4.0,
    jpeg=60,
)
STRONGER = {"share": 1.0, "hue": 90.0, "jpeg": 5, "blur": 10.0}


def test_a_sample_does_not_depend_on_its_batch_or_on_torchs_generator() -> None:
    """But for float32 rounding, which is a processor's own; the generator is left where it was."""
    torch.manual_seed(1)
    before = torch.get_rng_state()
    whole = augmented(IMAGES, EVERYTHING, range(6), 0, 0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    alone = [augmented(IMAGES[i : i + 1], EVERYTHING, [i], 0, 0) for i in range(6)]
    assert torch.allclose(whole, torch.cat(alone), atol=2e-6)


def test_a_share_is_changed_and_the_others_are_left_bit_for_bit() -> None:
    """Of 400; five standard deviations are 50."""
    images = IMAGES[:1].expand(400, -1, -1, -1)
    how = PictureAugmentation(share=0.5, brightness=0.3)
    kept = (augmented(images, how, range(400), 0, 0) == images).flatten(1).all(dim=1)
    assert 150 < int(kept.sum()) < 250


@pytest.mark.parametrize(
    "name",
    ["brightness", "contrast", "saturation", "hue", "rotation", "zoom", "shift", "blur", "jpeg"],
)
def test_each_change_alone_changes_pictures_and_stays_in_range(name: str) -> None:
    value = STRONGER.get(name, getattr(EVERYTHING, name))
    changed = augmented(IMAGES, PictureAugmentation(**{name: value}), range(6), 0, 0)
    assert changed.shape == IMAGES.shape
    assert not torch.allclose(changed, IMAGES, atol=0.02)
    assert changed.abs().max() <= 1


def test_zero_everywhere_changes_nothing_but_rounding() -> None:
    """To [0, 1] and back: float32 rounding, 1e-6."""
    assert torch.allclose(
        augmented(IMAGES, PictureAugmentation(), range(6), 0, 0), IMAGES, atol=1e-6
    )


def test_brightness_is_uniform_up_to_its_limit() -> None:
    """Grey plus or minus 0.2 of the range 1, which is 0.4 of [-1, 1]; 64 draws reach near both."""
    levels = augmented(GREY, PictureAugmentation(brightness=0.2), range(64), 0, 0)[:, 0, 0, 0]
    assert levels.abs().max() <= 0.4
    assert levels.min() < -0.3
    assert levels.max() > 0.3


def test_a_turned_picture_is_turned_about_its_middle_and_not_squashed() -> None:
    """A disc in the middle of a wide picture covers what it covered; 5 % is its jagged edge."""
    y, x = torch.meshgrid(torch.arange(24) - 11.5, torch.arange(48) - 23.5, indexing="ij")
    disc = ((x**2 + y**2 < 64).float() * 2 - 1).expand(8, 3, -1, -1)
    turned = augmented(disc, PictureAugmentation(rotation=45.0), range(8), 0, 0)
    overlap = ((turned > 0) & (disc > 0)).sum() / (disc > 0).sum()
    assert overlap > 0.95
