"""What a network is told can be dropped, padded, joined and picked, sample by sample."""

import pytest
import torch

from minimagen.conditioning import COMPLETE_NOISE, Conditioning, LowRes, TextEmbedding
from minimagen.errors import UsageError


def text(batch: int = 3, length: int = 4) -> TextEmbedding:
    """Return captions of 1, 2 .. tokens."""
    mask = torch.arange(length) <= torch.arange(batch)[:, None]
    return TextEmbedding(torch.randn(batch, length, 5), mask)


def lowres(batch: int = 3) -> LowRes:
    """Return low-res images of different levels."""
    return LowRes(torch.randn(batch, 3, 4, 4), torch.arange(float(batch)))


def estimate(batch: int = 3) -> torch.Tensor:
    """Return estimates of a network's own."""
    return torch.randn(batch, 3, 4, 4)


def same(one: TextEmbedding, other: TextEmbedding) -> bool:
    """Return whether two embeddings are equal."""
    return torch.equal(one.tokens, other.tokens) and torch.equal(one.mask, other.mask)


def test_dropping_masks_whole_captions_and_keeps_the_others() -> None:
    before = text()
    after = before.drop(torch.tensor([True, False, True]))
    assert torch.equal(after.mask[[0, 2]], before.mask[[0, 2]])
    assert not after.mask[1].any()
    assert torch.equal(after.tokens, before.tokens)


def test_the_null_side_keeps_the_low_res_image_and_the_estimate() -> None:
    cond = Conditioning(text(), lowres(), estimate())
    null = cond.null()
    assert null.text is not None
    assert not null.text.mask.any()
    assert null.lowres is cond.lowres
    assert null.previous is cond.previous


def test_a_dropped_low_res_image_is_zeros_at_complete_noise_and_the_others_stay() -> None:
    cond = Conditioning(text(), lowres(), estimate())
    dropped = cond.drop_lowres(torch.tensor([True, False, True]))
    assert dropped.lowres is not None
    assert cond.lowres is not None
    assert torch.equal(dropped.lowres.image[[0, 2]], cond.lowres.image[[0, 2]])
    assert not dropped.lowres.image[1].any()
    assert dropped.lowres.log_snr.tolist() == [0.0, COMPLETE_NOISE, 2.0]
    assert dropped.text is cond.text
    assert dropped.previous is cond.previous


def test_without_low_res_images_all_are_dropped() -> None:
    nothing = Conditioning(text(), lowres()).without_lowres().lowres
    assert nothing is not None
    assert not nothing.image.any()
    assert nothing.log_snr.tolist() == [COMPLETE_NOISE] * 3


def test_dropping_keeps_the_dtype() -> None:
    half = LowRes(torch.ones(2, 3, 4, 4).half(), torch.ones(2).double())
    dropped = half.drop(torch.tensor([True, False]))
    assert (dropped.image.dtype, dropped.log_snr.dtype) == (torch.float16, torch.float64)


def test_one_caption_is_repeated_and_others_must_fit() -> None:
    one = text(1)
    assert same(one.repeated(3), TextEmbedding.cat([one, one, one]))
    assert text(3).repeated(3).mask.shape == (3, 4)
    with pytest.raises(UsageError, match="2 captions for 3 samples"):
        text(2).repeated(3)


def test_without_text_there_is_nothing_to_drop() -> None:
    cond = Conditioning(None, lowres())
    assert cond.null() is cond
    assert cond.drop_text(torch.zeros(3, dtype=torch.bool)) is cond


def test_without_a_low_res_image_there_is_none_to_drop() -> None:
    cond = Conditioning(text())
    assert cond.without_lowres() is cond
    assert cond.drop_lowres(torch.zeros(3, dtype=torch.bool)) is cond


def test_padding_appends_masked_tokens() -> None:
    before = text()
    after = before.padded(7)
    assert after.tokens.shape == (3, 7, 5)
    assert same(TextEmbedding(after.tokens[:, :4], after.mask[:, :4]), before)
    assert not after.mask[:, 4:].any()


def test_joining_pads_to_the_longest_and_picking_takes_apart() -> None:
    one = Conditioning(text(2, 3), lowres(2), estimate(2))
    other = Conditioning(text(3, 6), lowres(3), estimate(3))
    both = Conditioning.cat([one, other])
    assert both.text is not None
    assert one.text is not None
    assert other.text is not None
    assert len(both.text) == 5
    assert same(both.text[:2], one.text.padded(6))
    assert same(both.text[2:], other.text)
    picked = both[torch.tensor([4, 0])]
    assert picked.lowres is not None
    assert picked.lowres.log_snr.tolist() == [2.0, 0.0]
    assert len(picked.lowres) == 2
    assert picked.previous is not None
    assert one.previous is not None
    assert other.previous is not None
    assert torch.equal(picked.previous, torch.stack([other.previous[2], one.previous[0]]))


@pytest.mark.parametrize(
    "cond",
    [
        Conditioning(),
        Conditioning(text()),
        Conditioning(None, lowres()),
        Conditioning(previous=estimate()),
    ],
)
def test_what_is_absent_stays_absent(cond: Conditioning) -> None:
    others = (Conditioning.cat([cond, cond]), cond[:2], cond.to("cpu"), cond.null())
    for other in (*others, cond.without_lowres()):
        assert (other.text is None) == (cond.text is None)
        assert (other.lowres is None) == (cond.lowres is None)
        assert (other.previous is None) == (cond.previous is None)


def test_moving_moves_everything() -> None:
    moved = Conditioning(text(), lowres(), estimate()).to("meta")
    assert moved.text is not None
    assert moved.lowres is not None
    assert moved.previous is not None
    tensors = (moved.text.tokens, moved.text.mask, moved.lowres.image, moved.lowres.log_snr)
    assert {tensor.device.type for tensor in (*tensors, moved.previous)} == {"meta"}


def test_weights_go_where_their_tokens_go() -> None:
    one = TextEmbedding(torch.randn(1, 2, 5), torch.ones(1, 2, dtype=torch.bool))
    heavy = TextEmbedding(one.tokens, one.mask, torch.tensor([[2.0, 0.5]]))
    both = TextEmbedding.cat([one, heavy.padded(3)])
    assert both.weights is not None
    assert both.weights.tolist() == [[1, 1, 1], [2, 0.5, 1]]
    picked = both[torch.tensor([1])].to("cpu").drop(torch.tensor([True])).repeated(2)
    assert picked.weights is not None
    assert picked.weights.tolist() == [[2, 0.5, 1]] * 2
    assert TextEmbedding.cat([one, one]).weights is None


def test_null_text_stays_null_whatever_its_weights() -> None:
    text = TextEmbedding(torch.ones(1, 2, 5), torch.zeros(1, 2, dtype=torch.bool), torch.ones(1, 2))
    assert text.attention_mask(torch.float32).tolist() == [[-float("inf")] * 2]
