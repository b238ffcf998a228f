"""What the edit tab asks for."""

import numpy as np
import pytest
from PIL import Image

from minimagen.apps.page.edit_tab import variations
from minimagen.apps.requests import DrawRequest, Upscale
from minimagen.apps.studio import Studio
from minimagen.errors import UsageError
from tests.apps.conftest import LONGEST_S


def drawn(studio: Studio, request: DrawRequest) -> tuple[str, np.ndarray]:
    """Draw a request; returns its place in the history and its pictures."""
    entry = studio.wait(studio.submit(request).id, LONGEST_S).entry
    assert entry is not None
    return entry.id, np.stack([np.asarray(Image.open(shot.path)) for shot in entry.shots])


def test_variations_go_out_from_the_chosen_picture(studio: Studio) -> None:
    """At amount 0 they are that picture, though it was the second of three; else they are not."""
    request = DrawRequest(captions=("a red circle",), images_per_caption=3, seed=7)
    entry, pictures = drawn(studio, request)
    for amount, is_same in ((0.0, True), (0.5, False)):
        near = variations(studio.history, (entry, 1), amount, each=2, seed=9)
        found = drawn(studio, near)[1]
        difference = np.abs(found.astype(int) - pictures[1]).max(axis=(1, 2, 3))
        assert ((difference <= 1) == is_same).all(), difference  # 1: rounding in other batches


def test_what_has_no_noise_of_its_own_cannot_be_varied(studio: Studio) -> None:
    with pytest.raises(UsageError, match="uploaded picture"):
        variations(studio.history, None, 0.3, each=1, seed=1)
    enlarged = Upscale(picture=Image.new("RGB", (16, 16), "red"))
    entry, _ = drawn(studio, DrawRequest(captions=("a",), edit=enlarged))
    with pytest.raises(UsageError, match="drawn from another"):
        variations(studio.history, (entry, 0), 0.3, each=1, seed=1)
