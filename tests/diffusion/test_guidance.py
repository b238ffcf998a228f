"""Guidance against its formulas, with a denoiser that is a sum of what it was told."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from minimagen.conditioning import COMPLETE_NOISE, Conditioning, LowRes, TextEmbedding
from minimagen.diffusion import Denoiser
from minimagen.diffusion.guidance import (
    autoguided,
    composed,
    guided,
    guided_by_both,
    in_interval,
    rescaled,
)
from minimagen.diffusion.schedules import CosineSchedule
from minimagen.errors import UsageError

SOURCE = torch.Generator().manual_seed(0)
X_T = torch.randn(3, 2, 4, 4, generator=SOURCE)
T = torch.tensor([0.2, 0.5, 0.9])
SCHEDULE = CosineSchedule()
some = settings(max_examples=30)
scales = st.floats(-4, 10).filter(lambda scale: scale != 1)


def text(length: int, batch: int = 3) -> TextEmbedding:
    """Return captions of random tokens, some of them padding."""
    mask = torch.ones(batch, length, dtype=torch.bool)
    mask[1:2, 1:] = False
    return TextEmbedding(torch.randn(batch, length, 5, generator=SOURCE), mask)


LOWRES = LowRes(torch.randn(3, 2, 4, 4, generator=SOURCE), torch.tensor([1.0, 2.0, 3.0]))
COND = Conditioning(text(4), LOWRES, torch.randn(3, 2, 4, 4, generator=SOURCE))
NEGATIVE = text(7)


def toy(x_t: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
    """Return an estimate that depends, sample by sample, on all a denoiser is told."""
    assert cond.text is not None
    assert cond.lowres is not None
    assert cond.previous is not None
    read = (cond.text.tokens * cond.text.mask[:, :, None]).sum((1, 2)) * t
    told = read * (1 + cond.lowres.log_snr.sigmoid())
    return x_t.tanh() * told[:, None, None, None] + cond.lowres.image - cond.previous


def weak(x_t: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
    """Return another estimate of the same."""
    return 0.5 * toy(x_t, t, cond).sin()


class Counting:
    """A denoiser that notes how many rows each call had."""

    def __init__(self, denoise: Denoiser = toy) -> None:
        self.denoise = denoise
        self.rows: list[int] = []

    def __call__(self, x_t: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        """Note and pass on."""
        self.rows.append(len(x_t))
        return self.denoise(x_t, t, cond)


def close(one: Tensor, other: Tensor) -> None:
    """Check up to float32 rounding of sums of numbers of some hundreds, scaled by up to ten."""
    torch.testing.assert_close(one, other, atol=2e-3, rtol=1e-4)


def row_by_row(x_0: Denoiser) -> Tensor:
    """Ask about one sample at a time."""
    rows = [slice(i, i + 1) for i in range(len(X_T))]
    return torch.cat([x_0(X_T[row], T[row], COND[row]) for row in rows])


def test_scale_one_is_the_denoiser_itself() -> None:
    """The same function, so half the calls."""
    assert guided(toy, 1.0) is toy
    assert guided(toy, 1.0, NEGATIVE, rescale=0.7) is toy
    assert guided_by_both(toy, 1.0, 1.0, NEGATIVE, rescale=0.7) is toy
    assert autoguided(toy, weak, 1.0) is toy
    assert in_interval(toy, toy, SCHEDULE, -3, 5) is toy


@some
@given(st.just(1.0) | scales, st.integers(1, 3))
def test_scale_one_is_no_guidance_and_half_the_calls(scale: float, batch: int) -> None:
    rows, counting = slice(batch), Counting()
    steered = guided(counting, scale)(X_T[rows], T[rows], COND[rows])
    assert counting.rows == [batch if scale == 1 else 2 * batch]
    if scale == 1:
        assert torch.equal(steered, toy(X_T[rows], T[rows], COND[rows]))


def test_scale_zero_is_null_text_with_the_rest_of_the_condition() -> None:
    assert torch.equal(guided(toy, 0.0)(X_T, T, COND), toy(X_T, T, COND.null()))


@some
@given(scales)
def test_guidance_is_its_formula(scale: float) -> None:
    with_text, without = row_by_row(toy), toy(X_T, T, COND.null())
    close(guided(toy, scale)(X_T, T, COND), without + scale * (with_text - without))


def test_negative_text_takes_the_place_of_null_text() -> None:
    """Captions of another length are padded, and padding is not read."""
    with_text, away = toy(X_T, T, COND), toy(X_T, T, replace(COND, text=NEGATIVE))
    close(guided(toy, 3.0, NEGATIVE)(X_T, T, COND), away + 3.0 * (with_text - away))


def test_guiding_away_from_the_caption_itself_changes_nothing() -> None:
    assert torch.equal(guided(toy, 5.0, COND.text)(X_T, T, COND), toy(X_T, T, COND))


@pytest.mark.parametrize(
    ("wrap", "rows"),
    [
        (lambda counting: guided(counting, 1.0), [3]),
        (lambda counting: guided(counting, 3.0), [6]),
        (lambda counting: guided(counting, 3.0, NEGATIVE, rescale=0.7), [6]),
        (lambda counting: guided_by_both(counting, 3.0, 1.0), [6]),
        (lambda counting: guided_by_both(counting, 3.0, 2.0), [9]),
        (lambda counting: composed(counting, [(NEGATIVE, 2.0)]), [6]),
        (lambda counting: composed(counting, [(NEGATIVE, 2.0), (text(2), -1.0)]), [9]),
        (lambda counting: autoguided(counting, weak, 2.0), [3]),
    ],
)
def test_all_sides_are_one_call(wrap: object, rows: list[int]) -> None:
    counting = Counting()
    wrap(counting)(X_T, T, COND)  # type: ignore[operator]
    assert counting.rows == rows


@some
@given(scales, scales)
def test_guidance_by_both_is_its_formula(text_scale: float, lowres_scale: float) -> None:
    """The side without a low-res image is told zeros at complete noise."""
    nothing = LowRes(torch.zeros(3, 2, 4, 4), torch.full((3,), COMPLETE_NOISE))
    told, low = toy(X_T, T, COND), toy(X_T, T, COND.null())
    none = toy(X_T, T, replace(COND.null(), lowres=nothing))
    expected = none + lowres_scale * (low - none) + text_scale * (told - low)
    close(guided_by_both(toy, text_scale, lowres_scale)(X_T, T, COND), expected)


@some
@given(scales)
def test_lowres_scale_one_is_guidance_by_text(scale: float) -> None:
    one = guided_by_both(toy, scale, 1.0, NEGATIVE, rescale=0.5)(X_T, T, COND)
    assert torch.equal(one, guided(toy, scale, NEGATIVE, rescale=0.5)(X_T, T, COND))


def test_guidance_by_both_has_negative_text_on_both_sides_without_the_caption() -> None:
    away = replace(COND, text=NEGATIVE)
    told, low, none = (toy(X_T, T, cond) for cond in (COND, away, away.without_lowres()))
    expected = none + 2.0 * (low - none) + 3.0 * (told - low)
    close(guided_by_both(toy, 3.0, 2.0, NEGATIVE)(X_T, T, COND), expected)


@some
@given(st.lists(scales, min_size=1, max_size=3))
def test_composition_is_a_sum_over_its_parts(weights: list[float]) -> None:
    parts = [(text(2 + i), weight) for i, weight in enumerate(weights)]
    expected = null = toy(X_T, T, COND.null())
    for part, weight in parts:
        expected = expected + weight * (toy(X_T, T, replace(COND, text=part)) - null)
    close(composed(toy, parts)(X_T, T, COND), expected)


@some
@given(scales)
def test_one_part_alone_is_guidance(scale: float) -> None:
    assert COND.text is not None
    one = composed(toy, [(COND.text, scale)])(X_T, T, COND)
    close(one, guided(toy, scale)(X_T, T, COND))


def test_one_caption_of_a_composition_is_for_all_samples_and_two_are_for_nobody() -> None:
    one = text(3, batch=1)
    many = TextEmbedding(one.tokens.expand(3, -1, -1), one.mask.expand(3, -1))
    shared = composed(toy, [(one, 2.0)])(X_T, T, COND)
    assert torch.equal(shared, composed(toy, [(many, 2.0)])(X_T, T, COND))
    with pytest.raises(UsageError, match="2 captions for 3 samples: give 1, or 3"):
        composed(toy, [(text(3, batch=2), 2.0)])(X_T, T, COND)


@some
@given(scales)
def test_autoguidance_is_its_formula(scale: float) -> None:
    good, poor = toy(X_T, T, COND), weak(X_T, T, COND)
    close(autoguided(toy, weak, scale)(X_T, T, COND), scale * good + (1 - scale) * poor)


@some
@given(scales, st.floats(0, 1))
def test_rescaling_mixes_in_the_contrast_of_the_side_with_text(scale: float, share: float) -> None:
    """One image at a time, by the standard deviation of all its pixels."""
    told, plain = toy(X_T, T, COND), guided(toy, scale)(X_T, T, COND)
    expected = [
        share * plain[i] * (told[i].std() / plain[i].std()) + (1 - share) * plain[i]
        for i in range(3)
    ]
    close(guided(toy, scale, rescale=share)(X_T, T, COND), torch.stack(expected))


def test_rescaling_leaves_a_flat_estimate_alone() -> None:
    """It has no contrast to bring back, and nothing may be divided by it."""
    flat = torch.full((1, 2, 4, 4), 0.3)
    assert torch.equal(rescaled(flat, X_T[:1], 1.0), flat)


LEVELS = SCHEDULE.log_snr(T).tolist()


@pytest.mark.parametrize(
    ("low", "high", "rows"),
    [
        (LEVELS[2], LEVELS[0], [True, True, True]),  # both edges belong to it
        (LEVELS[1], LEVELS[1], [False, True, False]),
        (LEVELS[2] + 1e-3, LEVELS[0] - 1e-3, [False, True, False]),
        (LEVELS[1], 20.0, [True, True, False]),
        (18.0, 20.0, [False, False, False]),
    ],
)
def test_guidance_holds_inside_its_interval_only(low: float, high: float, rows: list[bool]) -> None:
    """Whatever the other samples' times; negative text comes along whole."""
    inside = torch.tensor(rows)
    steered = guided(toy, 3.0, NEGATIVE)
    chosen = in_interval(steered, toy, SCHEDULE, low, high)(X_T, T, COND)
    close(chosen[inside], steered(X_T, T, COND)[inside])
    close(chosen[~inside], toy(X_T, T, COND)[~inside])


def test_outside_of_the_interval_there_is_one_side() -> None:
    counting = Counting()
    denoise = in_interval(guided(counting, 3.0), counting, SCHEDULE, -1, 1)
    for t in (0.95, 0.5, 0.05):
        denoise(X_T, torch.full((3,), t), COND)
    assert counting.rows == [3, 6, 3]
