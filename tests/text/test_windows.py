import pytest
import torch

from minimagen.text.encoders import T5Config, TextEncoder, load_encoder
from minimagen.text.windows import WindowedEncoder

LONG = "a red circle above a blue square left of a green ring"


@pytest.fixture(scope="module")
def short() -> TextEncoder:
    """An encoder that keeps 5 tokens: four words and the end of sequence."""
    return load_encoder(T5Config(max_tokens=5))


def test_a_caption_that_fits_is_embedded_as_ever_to_the_bit(short: TextEncoder) -> None:
    captions = ["a red circle", "", "a ring"]
    windowed, plain = WindowedEncoder(short, 3).encode(captions), short.encode(captions)
    assert torch.equal(windowed.tokens, plain.tokens)
    assert torch.equal(windowed.mask, plain.mask)


def test_a_long_caption_is_its_pieces_one_behind_the_other(short: TextEncoder) -> None:
    pieces = ["a red circle above", "a blue square left", "of a green ring"]
    text = WindowedEncoder(short, 4).encode([LONG, "a ring"])
    expected = short.encode(pieces)
    assert text.mask.sum(dim=1).tolist() == [15, 3]
    assert torch.equal(text.tokens[0], expected.tokens[expected.mask])


def test_what_more_windows_would_hold_is_cut_and_said(short: TextEncoder) -> None:
    windowed = [WindowedEncoder(short, count) for count in (1, 2, 3)]
    assert [encoder.is_cut([LONG])[0] for encoder in windowed] == [True, True, False]
    assert [int(encoder.encode([LONG]).mask.sum()) for encoder in windowed] == [5, 10, 15]
    assert len({encoder.identity for encoder in windowed}) == 3


def test_spans_say_what_each_token_of_every_piece_stands_for(short: TextEncoder) -> None:
    spans = WindowedEncoder(short, 3).spans(LONG)
    words = [LONG[start:end] for start, end in spans if start < end]
    assert words == LONG.split()
    assert len(spans) == 15


def test_one_word_longer_than_a_window_ends(short: TextEncoder) -> None:
    text = WindowedEncoder(short, 3).encode(["x" * 500])
    assert text.mask.sum() <= 15
