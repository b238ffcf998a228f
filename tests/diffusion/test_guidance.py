"""Guidance against its formula, with a denoiser that is a sum of what it was told."""

import pytest
import torch

from minimagen.conditioning import Conditioning, LowRes, TextEmbedding
from minimagen.diffusion import guided

SOURCE = torch.Generator().manual_seed(0)
X_T = torch.randn(3, 2, 4, 4, generator=SOURCE)
T = torch.tensor([0.2, 0.5, 0.9])


def text(length: int) -> TextEmbedding:
    """Return three captions of random tokens, some of them padding."""
    mask = torch.ones(3, length, dtype=torch.bool)
    mask[1, 1:] = False
    return TextEmbedding(torch.randn(3, length, 5, generator=SOURCE), mask)


COND = Conditioning(text(4), LowRes(torch.randn(3, 2, 4, 4, generator=SOURCE), torch.zeros(3)))


def toy(x_t: torch.Tensor, t: torch.Tensor, cond: Conditioning) -> torch.Tensor:
    """Return an estimate that depends, sample by sample, on all a denoiser is told."""
    assert cond.text is not None
    assert cond.lowres is not None
    read = (cond.text.tokens * cond.text.mask[:, :, None]).sum((1, 2)) * t
    return x_t.tanh() + read[:, None, None, None] + cond.lowres.image


def test_scale_one_is_the_denoiser_itself() -> None:
    """The same function, so half the calls."""
    assert guided(toy, 1.0) is toy
    assert guided(toy, 1.0, negative=text(2)) is toy


def test_scale_zero_is_null_text_with_the_low_res_image() -> None:
    assert torch.equal(guided(toy, 0.0)(X_T, T, COND), toy(X_T, T, COND.null()))


@pytest.mark.parametrize("scale", [0.5, 3.0, 8.0])
def test_guidance_is_its_formula(scale: float) -> None:
    with_text, without = toy(X_T, T, COND), toy(X_T, T, COND.null())
    expected = without + scale * (with_text - without)
    assert torch.equal(guided(toy, scale)(X_T, T, COND), expected)


def test_negative_text_takes_the_place_of_null_text() -> None:
    """Captions of another length are padded, and padding is not read."""
    negative = text(7)
    with_text = toy(X_T, T, COND)
    away = toy(X_T, T, Conditioning(negative, COND.lowres))
    expected = away + 3.0 * (with_text - away)
    assert torch.allclose(guided(toy, 3.0, negative)(X_T, T, COND), expected, atol=1e-5)


def test_guiding_away_from_the_caption_itself_changes_nothing() -> None:
    assert torch.equal(guided(toy, 5.0, COND.text)(X_T, T, COND), toy(X_T, T, COND))


def test_both_sides_are_one_call() -> None:
    sizes = []

    def counting(x_t: torch.Tensor, t: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        sizes.append(len(x_t))
        return toy(x_t, t, cond)

    guided(counting, 3.0)(X_T, T, COND)
    assert sizes == [6]
