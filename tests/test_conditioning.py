"""What a network is told can be dropped, padded, joined and picked, sample by sample."""

import pytest
import torch

from minimagen.conditioning import Conditioning, LowRes, TextEmbedding


def text(batch: int = 3, length: int = 4) -> TextEmbedding:
    """Return captions of 1, 2 .. tokens."""
    mask = torch.arange(length) <= torch.arange(batch)[:, None]
    return TextEmbedding(torch.randn(batch, length, 5), mask)


def lowres(batch: int = 3) -> LowRes:
    """Return low-res images of different levels."""
    return LowRes(torch.randn(batch, 3, 4, 4), torch.arange(float(batch)))


def same(one: TextEmbedding, other: TextEmbedding) -> bool:
    """Return whether two embeddings are equal."""
    return torch.equal(one.tokens, other.tokens) and torch.equal(one.mask, other.mask)


def test_dropping_masks_whole_captions_and_keeps_the_others() -> None:
    before = text()
    after = before.drop(torch.tensor([True, False, True]))
    assert torch.equal(after.mask[[0, 2]], before.mask[[0, 2]])
    assert not after.mask[1].any()
    assert torch.equal(after.tokens, before.tokens)


def test_the_null_side_keeps_the_low_res_image() -> None:
    cond = Conditioning(text(), lowres())
    null = cond.null()
    assert null.text is not None
    assert not null.text.mask.any()
    assert null.lowres is cond.lowres


def test_without_text_there_is_nothing_to_drop() -> None:
    cond = Conditioning(None, lowres())
    assert cond.null() is cond
    assert cond.drop_text(torch.zeros(3, dtype=torch.bool)) is cond


def test_padding_appends_masked_tokens() -> None:
    before = text()
    after = before.padded(7)
    assert after.tokens.shape == (3, 7, 5)
    assert same(TextEmbedding(after.tokens[:, :4], after.mask[:, :4]), before)
    assert not after.mask[:, 4:].any()


def test_joining_pads_to_the_longest_and_picking_takes_apart() -> None:
    one, other = Conditioning(text(2, 3), lowres(2)), Conditioning(text(3, 6), lowres(3))
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


@pytest.mark.parametrize(
    "cond", [Conditioning(), Conditioning(text()), Conditioning(None, lowres())]
)
def test_what_is_absent_stays_absent(cond: Conditioning) -> None:
    for other in (Conditioning.cat([cond, cond]), cond[:2], cond.to("cpu"), cond.null()):
        assert (other.text is None) == (cond.text is None)
        assert (other.lowres is None) == (cond.lowres is None)


def test_moving_moves_everything() -> None:
    moved = Conditioning(text(), lowres()).to("meta")
    assert moved.text is not None
    assert moved.lowres is not None
    tensors = (moved.text.tokens, moved.text.mask, moved.lowres.image, moved.lowres.log_snr)
    assert {tensor.device.type for tensor in tensors} == {"meta"}
