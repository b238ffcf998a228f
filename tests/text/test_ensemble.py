import pytest
import torch

from minimagen.conditioning import TextEmbedding
from minimagen.config import dump, parse
from minimagen.errors import ConfigError
from minimagen.models.attention import TextReader
from minimagen.text.encoders import (
    EnsembleConfig,
    LabelsConfig,
    T5Config,
    WordsConfig,
    called,
    describe,
    encoder_identity,
    encoder_width,
    learned,
    load_encoder,
)

WORDS = WordsConfig(vocabulary=("a", "red", "circle"), width=16)
BOTH = EnsembleConfig(parts=(T5Config(), WORDS))
CAPTIONS = ["a red circle", "", "circle", "a photo of a dog"]


def test_each_encoder_s_tokens_stand_in_channels_of_their_own() -> None:
    text = load_encoder(BOTH).encode(CAPTIONS)
    first, second = (load_encoder(part).encode(CAPTIONS) for part in BOTH.parts)
    assert text.tokens.shape[2] == encoder_width(BOTH) == 64 + 16
    for row in range(len(CAPTIONS)):
        tokens = text.tokens[row][text.mask[row]]
        own, other = first.tokens[row][first.mask[row]], second.tokens[row][second.mask[row]]
        assert torch.equal(tokens[: len(own), :64], own)
        assert torch.equal(tokens[len(own) :, 64:], other)
        assert not tokens[: len(own), 64:].any()
        assert not tokens[len(own) :, :64].any()


def test_a_network_reads_each_encoder_through_a_projection_of_its_own() -> None:
    """The columns of its linear layer that a token meets are those of its encoder alone.

    1e-4: a token's norm takes its mean off the zeros beside it, which is small and the same there.
    """
    reader = TextReader(text_width=80, width=8, embedding=8)
    norm, linear = reader.project
    text = load_encoder(BOTH).encode(CAPTIONS[:1])
    own = text.tokens[0, :4]
    own = own - own[:, :64].mean(dim=1, keepdim=True) * (own != 0)  # t5-tiny's tokens, mean 0
    with torch.no_grad():
        before = reader.project(own)
        linear.weight[:, 64:] += 1
        torch.testing.assert_close(reader.project(own), before, atol=1e-4, rtol=0)
        assert norm(own).square().mean(dim=1).sub(1).abs().max() < 1e-3


def test_an_encoder_s_scale_falls_out_where_a_network_reads_it() -> None:
    """So encoders need no norm before they stand side by side. 1e-3: what the norm's eps leaves."""
    reader = TextReader(text_width=80, width=8, embedding=8)
    text = load_encoder(BOTH).encode(CAPTIONS[:1])
    scale = torch.cat([torch.full((64,), 100.0), torch.ones(16)])
    loud = TextEmbedding(text.tokens * scale, text.mask)
    with torch.no_grad():
        expected = reader(text)[0].tokens
        torch.testing.assert_close(reader(loud)[0].tokens, expected, atol=1e-3, rtol=0)


def test_it_is_cut_where_any_encoder_cuts() -> None:
    short = EnsembleConfig(parts=(T5Config(max_tokens=4), WORDS))
    assert load_encoder(short).is_cut(["a red circle", "a red circle above"]) == [False, True]


def test_each_encoder_learns_from_the_captions() -> None:
    config = learned(EnsembleConfig(parts=(WordsConfig(), LabelsConfig(), T5Config())), ["b a"])
    words, labels, t5 = config.parts
    assert (words.vocabulary, labels.labels, t5) == (("a", "b"), ("b a",), T5Config())


def test_it_says_what_it_is_made_of() -> None:
    assert called(BOTH) == "t5-tiny + words"
    assert all(describe(part) in describe(BOTH) for part in BOTH.parts)
    assert all(encoder_identity(part) in encoder_identity(BOTH) for part in BOTH.parts)
    assert load_encoder(BOTH).identity == encoder_identity(BOTH)


def test_the_configuration_survives_json() -> None:
    assert parse(EnsembleConfig, dump(BOTH), "here") == BOTH


def test_an_ensemble_of_ensembles_or_of_one_is_refused() -> None:
    with pytest.raises(ConfigError):
        parse(EnsembleConfig, '{"parts": [{"kind": "words"}, {"kind": "ensemble"}]}', "here")
    with pytest.raises(ConfigError, match="parts"):
        parse(EnsembleConfig, '{"parts": [{"kind": "words"}]}', "here")
