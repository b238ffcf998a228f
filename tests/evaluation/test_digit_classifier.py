import numpy as np
import pytest
import torch

from minimagen.data.digits import WORDS
from minimagen.data.sources import DataConfig, open_source
from minimagen.errors import UsageError
from minimagen.evaluation.digit_classifier import DigitClassifier, named_digit, real_digits
from minimagen.lowres import resize
from minimagen.tensors import from_uint8

IMAGES, LABELS = real_digits()
CAPTIONS = [f"a handwritten {WORDS[label]}" for label in LABELS.tolist()]


def test_real_digits_look_as_the_data_set_shows_them() -> None:
    source, _ = open_source(DataConfig(dataset="digits"), 64)
    for index in (0, 900, 1796):
        shown = torch.from_numpy(np.array(source.picture(index, 64))).permute(2, 0, 1)[None]
        assert torch.equal(IMAGES[index], from_uint8(shown)[0])
        assert source.captions(index) == (CAPTIONS[index],)


def test_digits_it_never_saw_are_named_right() -> None:
    """Fitted to two thirds, it is right about 98 % of the time on the rest."""
    rows = torch.arange(len(LABELS))
    judge = DigitClassifier.fitted(rows[rows % 3 > 0].tolist())
    held_out = rows % 3 == 0
    assert judge.name(IMAGES[held_out]).eq(LABELS[held_out]).double().mean() >= 0.97


def test_it_judges_pictures_of_other_sizes_and_by_their_captions() -> None:
    judge = DigitClassifier.fitted()
    some, captions = resize(IMAGES[:200], 32), CAPTIONS[:200]
    assert judge.right(some, captions).mean() >= 0.99
    assert judge.right(some, captions[1:] + captions[:1]).mean() <= 0.2


def test_a_caption_must_name_one_digit() -> None:
    assert named_digit("a handwritten Seven") == 7
    for caption in ("", "a red circle", "a three and a four"):
        with pytest.raises(UsageError, match="cannot be judged; name one of zero"):
            named_digit(caption)
