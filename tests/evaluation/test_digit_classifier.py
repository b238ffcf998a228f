import numpy as np
import pytest
import torch
from torch import Tensor

from minimagen.data.digits import WORDS
from minimagen.data.sources import DataConfig, open_source
from minimagen.errors import UsageError
from minimagen.evaluation.digit_classifier import DigitClassifier, named_digit, real_digits
from minimagen.lowres import resize
from minimagen.tensors import from_uint8


@pytest.fixture(scope="module")
def digits() -> tuple[Tensor, Tensor]:
    return real_digits()


def captions(labels: Tensor) -> list[str]:
    return [f"a handwritten {WORDS[label]}" for label in labels.tolist()]


def test_real_digits_look_as_the_data_set_shows_them(digits: tuple[Tensor, Tensor]) -> None:
    images, labels = digits
    source, _ = open_source(DataConfig(dataset="digits"), 64)
    for index in (0, 900, 1796):
        shown = torch.from_numpy(np.array(source.picture(index, 64))).permute(2, 0, 1)[None]
        assert torch.equal(images[index], from_uint8(shown)[0])
        assert list(source.captions(index)) == captions(labels[index : index + 1])


def test_digits_it_never_saw_are_named_right(digits: tuple[Tensor, Tensor]) -> None:
    """Fitted to two thirds, it is right about 98 % of the time on the rest."""
    images, labels = digits
    rows = torch.arange(len(labels))
    judge = DigitClassifier.fitted(rows[rows % 3 > 0].tolist())
    held_out = rows % 3 == 0
    assert judge.name(images[held_out]).eq(labels[held_out]).double().mean() >= 0.97


def test_it_judges_pictures_of_other_sizes_and_by_their_captions(
    digits: tuple[Tensor, Tensor],
) -> None:
    judge = DigitClassifier.fitted()
    some, asked = resize(digits[0][:200], 32), captions(digits[1][:200])
    assert judge.right(some, asked).mean() >= 0.99
    assert judge.right(some, asked[1:] + asked[:1]).mean() <= 0.2


def test_a_caption_must_name_one_digit() -> None:
    assert named_digit("a handwritten Seven") == 7
    for caption in ("", "a red circle", "a three and a four"):
        with pytest.raises(UsageError, match="cannot be judged; name one of zero"):
            named_digit(caption)
