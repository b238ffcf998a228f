import pytest
import torch

from minimagen.text.encoders import T5Config, TextEncoder, load_encoder
from minimagen.text.prompts import literal, read_prompt
from minimagen.text.weighting import encode_prompts


@pytest.fixture(scope="module")
def tiny() -> TextEncoder:
    return load_encoder(T5Config())


def test_prompts_without_weights_are_embedded_as_their_texts_to_the_bit(tiny: TextEncoder) -> None:
    captions = ["a red circle", "a blue square above a ring"]
    text = encode_prompts(tiny, [literal(caption) for caption in captions])
    assert text.weights is None
    assert torch.equal(text.tokens, tiny.encode(captions).tokens)


def test_a_word_s_own_tokens_get_its_weight_and_stay(tiny: TextEncoder) -> None:
    plain = tiny.encode(["a red circle"])
    text = encode_prompts(tiny, [read_prompt("a (red:3) circle")])
    assert text.weights is not None
    assert text.weights.tolist() == [[1, 3, 1, 1]]
    assert torch.equal(text.tokens[0, 1], plain.tokens[0, 1])
    assert torch.equal(text.mask, plain.mask)


@pytest.mark.parametrize(
    ("written", "shorter", "pairs"),
    [
        ("a (red:0) circle", "a circle", [(0, 0), (2, 1), (3, 2)]),
        ("a circle (red:0)", "a circle", [(0, 0), (1, 1), (3, 2)]),
        ("(a:0) red circle", "red circle", [(1, 0), (2, 1), (3, 2)]),
    ],
)
def test_at_weight_0_the_other_tokens_are_those_of_the_caption_without_the_word(
    tiny: TextEncoder, written: str, shorter: str, pairs: list[tuple[int, int]]
) -> None:
    """1e-5: float32 rounding of a - (a - b). The end of sequence is among them."""
    text, other = encode_prompts(tiny, [read_prompt(written)]), tiny.encode([shorter])
    for here, there in pairs:
        torch.testing.assert_close(text.tokens[0, here], other.tokens[0, there], atol=1e-5, rtol=0)


def test_the_change_grows_in_a_straight_line_with_the_weight(tiny: TextEncoder) -> None:
    """1e-5: float32 rounding."""
    one, two, three = (
        encode_prompts(tiny, [read_prompt(f"a (red:{w}) circle (now:0.5)")]).tokens
        for w in (1, 2, 3)
    )
    torch.testing.assert_close(three - two, two - one, atol=1e-5, rtol=0)
    assert (two - one).abs().max() > 1e-2


def test_a_prompt_s_embedding_does_not_depend_on_its_company(tiny: TextEncoder) -> None:
    prompts = [read_prompt(p) for p in ("a (red:2) circle", "a ring", "a (red:2) circle")]
    text, alone = encode_prompts(tiny, prompts), encode_prompts(tiny, prompts[:1])
    assert text.weights is not None
    assert text.weights[1].tolist() == [1, 1, 1, 1]
    assert torch.equal(text.tokens[0], text.tokens[2])
    assert torch.equal(text.tokens[0], alone.tokens[0])
    assert torch.equal(text.tokens[1, :3], tiny.encode(["a ring"]).tokens[0])


def test_a_word_that_is_all_there_is_and_a_cut_one_do_no_harm(tiny: TextEncoder) -> None:
    only = encode_prompts(tiny, [read_prompt("(red:2)")])
    assert torch.equal(only.tokens, tiny.encode(["red"]).tokens)
    long = encode_prompts(tiny, [read_prompt("circle " * 90 + "(red:2)")])
    assert long.mask.shape == (1, 64)
    assert long.tokens.isfinite().all()
