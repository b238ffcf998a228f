import string

from hypothesis import given, settings
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer

from minimagen.text.captions import clean
from minimagen.text.locate import bundled_directory
from minimagen.text.vocabulary import UNKNOWN, sentinel_ids, tokenizer_from

SHIPPED = Tokenizer.from_file(str(bundled_directory() / "tokenizer.json"))


def lower(text: str) -> str:
    """Lower-case each character by itself, without Python's rule for a final sigma."""
    return "".join(char.lower() for char in text)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40).map(clean))
def test_any_caption_comes_back_in_lower_case_without_unknown_tokens(caption: str) -> None:
    caption = caption.replace("▁", " ").strip()  # sentencepiece's sign for a space
    ids = SHIPPED.encode(caption, add_special_tokens=False).ids
    assert UNKNOWN not in ids
    assert SHIPPED.decode(ids) == lower(" ".join(caption.split()))


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet=string.printable, max_size=40).map(clean))
def test_no_caption_contains_a_symbol_of_the_vocabulary(caption: str) -> None:
    special = {0, 1, 2, *range(SHIPPED.get_vocab_size() - 16, SHIPPED.get_vocab_size())}
    assert not special & set(SHIPPED.encode(caption, add_special_tokens=False).ids)


def test_ids_are_those_of_sentencepiece(spiece: bytes) -> None:
    reference = SentencePieceProcessor(model_proto=spiece)
    ours = tokenizer_from(spiece)
    for caption in (
        "a red circle",
        "A photo of the Temple!",
        "naïve 日本 😀",
        "x < 2 & y",
        "",
        "zzz qq",
    ):
        expected = reference.encode(caption.lower())
        assert ours.encode(caption, add_special_tokens=False).ids == expected


def test_every_printable_ascii_character_is_a_piece() -> None:
    pieces = SHIPPED.get_vocab()
    assert all(char.lower() in pieces for char in map(chr, range(33, 127)))


def test_words_of_the_shapes_are_one_token_each() -> None:
    caption = "a small red circle left of a large blue square"
    assert [piece.lstrip("▁") for piece in SHIPPED.encode(caption).tokens] == [
        *caption.split(),
        "</s>",
    ]


def test_sentinels_end_the_vocabulary_as_in_t5() -> None:
    assert sentinel_ids(SHIPPED)[0] == SHIPPED.get_vocab_size() - 1
    assert SHIPPED.token_to_id("<pad>") == 0
    assert SHIPPED.token_to_id("</s>") == 1


def test_golden_ids_of_the_shipped_vocabulary() -> None:
    """If they change, every network trained on t5-tiny is useless: restore the file."""
    assert SHIPPED.encode("a red circle above a blue square").ids == GOLDEN_SHAPES
    assert SHIPPED.encode("Ünï <").ids == GOLDEN_BYTES


GOLDEN_SHAPES = [259, 267, 275, 1241, 259, 265, 273, 1]
GOLDEN_BYTES = [283, 198, 191, 1230, 198, 178, 283, 1189, 1]
