import logging

import pytest
import torch

from minimagen.config import dump, parse
from minimagen.errors import ConfigError
from minimagen.text.encoders import (
    TextEncoder,
    WordsConfig,
    describe,
    encoder_identity,
    learned,
    load_encoder,
)
from minimagen.text.encoders.keyed import vector_of

CAPTIONS = ["digit 7", "digit 8", "a red circle left of a blue square"]


@pytest.fixture
def words() -> TextEncoder:
    return load_encoder(learned(WordsConfig(), CAPTIONS))


def test_the_vocabulary_is_that_of_the_captions_the_commonest_first() -> None:
    config = learned(WordsConfig(max_words=3), ["b a", "A b c", "a!"])
    assert config.vocabulary == ("a", "b", "!")
    assert learned(config, ["other words"]) == config


def test_a_word_has_the_same_vector_in_every_vocabulary() -> None:
    """So a run may start from another run's weights."""
    one, other = (
        load_encoder(learned(WordsConfig(), captions)) for captions in (CAPTIONS, ["7 digit"])
    )
    assert torch.equal(one.encode(["digit 7"]).tokens, other.encode(["digit 7"]).tokens)


def test_vectors_of_different_words_are_nearly_at_right_angles() -> None:
    """0.44: five standard deviations of the cosine of random vectors in 128 dimensions."""
    vectors = torch.stack([vector_of(str(number), 128) for number in range(200)])
    cosines = torch.nn.functional.normalize(vectors) @ torch.nn.functional.normalize(vectors).T
    assert cosines.fill_diagonal_(0).abs().max() < 0.44
    assert vectors.square().mean().item() == pytest.approx(1)


def test_a_token_tells_its_neighbours_and_their_side(words: TextEncoder) -> None:
    """A network that reads one token at a time could not say whose colour it is otherwise."""
    red, blue = (words.encode([f"a {colour} circle"]).tokens[0, 2] for colour in ("red", "blue"))
    before, after = words.encode(["7 digit", "digit 7"]).tokens[[0, 1], [1, 0]]
    assert not torch.allclose(red, blue)
    assert not torch.allclose(before, after)
    alone = load_encoder(learned(WordsConfig(neighbours=0.0), CAPTIONS))
    assert torch.equal(*(alone.encode([f"a {c} circle"]).tokens[0, 2] for c in ("red", "blue")))


def test_a_word_is_known_whatever_its_capitals_and_the_signs_around_it(words: TextEncoder) -> None:
    plain = words.encode(["digit 7"]).tokens
    assert torch.equal(words.encode(["  Digit\n7. "]).tokens, plain)


def test_unknown_words_are_left_out_and_said(
    words: TextEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        text = words.encode(["a red frobnicated circle", "zzz"])
    assert torch.equal(text.tokens[0], words.encode(["a red circle"]).tokens[0])
    assert text.mask.sum(dim=1).tolist() == [3, 0]
    assert "2 words are not among the 10 that the text encoder knows" in caplog.text
    assert "frobnicated" in caplog.text


def test_long_captions_are_cut_and_counted() -> None:
    short = load_encoder(learned(WordsConfig(max_tokens=2), CAPTIONS))
    assert short.is_cut(["a red", "a red circle", "a unknown red"]) == [False, True, False]
    assert short.encode(["a red circle"]).mask.sum() == 2


def test_spans_are_those_of_the_known_words(words: TextEncoder) -> None:
    assert words.spans("a  big red circle!") == [(0, 1), (6, 9), (10, 16)]


def test_without_a_vocabulary_it_says_where_one_comes_from() -> None:
    with pytest.raises(ConfigError, match="training fills it in"):
        load_encoder(WordsConfig())
    assert "the words of the training captions" in describe(WordsConfig())


def test_identity_tells_apart_all_that_changes_the_output() -> None:
    base = learned(WordsConfig(), CAPTIONS)
    configs = [
        base,
        learned(WordsConfig(), CAPTIONS[:2]),
        learned(WordsConfig(width=64), CAPTIONS),
        learned(WordsConfig(neighbours=0.25), CAPTIONS),
        learned(WordsConfig(max_tokens=3), CAPTIONS),
    ]
    assert len({encoder_identity(config) for config in configs}) == len(configs)


def test_the_configuration_survives_json() -> None:
    config = learned(WordsConfig(), CAPTIONS)
    assert parse(WordsConfig, dump(config), "here") == config
