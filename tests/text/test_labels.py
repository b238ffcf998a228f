import pytest
import torch

from minimagen.config import dump, parse
from minimagen.errors import ConfigError, UsageError
from minimagen.text.encoders import LabelsConfig, describe, learned, load_encoder
from minimagen.text.encoders.labels import MOST

CAPTIONS = ["digit 8", "digit 7", "digit 7", "", " digit  7 "]
CONFIG = learned(LabelsConfig(), CAPTIONS)


def test_every_distinct_caption_is_one_token() -> None:
    assert CONFIG.labels == ("digit 7", "digit 8")
    text = load_encoder(CONFIG).encode(CAPTIONS)
    assert text.mask.sum(dim=1).tolist() == [1, 1, 1, 0, 1]
    assert torch.equal(text.tokens[1], text.tokens[4])
    assert not torch.allclose(text.tokens[0], text.tokens[1])


@pytest.mark.parametrize(
    ("caption", "hint"),
    [
        ("digit 77", "did you mean 'digit 7'?"),
        ("a red circle", "choose one of 'digit 7', 'digit 8'"),
        ("x" * 10_000, "choose one of"),
    ],
)
def test_an_unknown_label_is_one_error_that_names_the_nearest(caption: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_encoder(CONFIG).encode([caption])
    assert hint in str(caught.value)
    assert len(str(caught.value)) < 200


def test_as_many_labels_as_texts_are_texts() -> None:
    with pytest.raises(ConfigError, match="choose t5 or words"):
        learned(LabelsConfig(), [str(number) for number in range(MOST + 1)])


def test_without_labels_it_says_where_they_come_from() -> None:
    with pytest.raises(ConfigError, match="training fills them in"):
        load_encoder(LabelsConfig())
    assert "2 captions" in describe(CONFIG)


def test_the_configuration_survives_json() -> None:
    assert parse(LabelsConfig, dump(CONFIG), "here") == CONFIG
