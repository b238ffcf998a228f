"""Uncut, a schedule is its paper's."""

import math

import pytest
import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler

from minimagen.diffusion import resolution_shift
from minimagen.diffusion.schedules import (
    CosineSchedule,
    EDMSchedule,
    FlowSchedule,
    InterpolatedSchedule,
    LaplaceSchedule,
    LinearBetaSchedule,
    SigmoidSchedule,
)
from minimagen.errors import UsageError

EPS32 = 2.0**-23
U = torch.linspace(0.001, 0.999, 999, dtype=torch.float64)


def test_flow_is_straight() -> None:
    """alpha = 1 - t, sigma = t; the cut at +-20 moves each end by e^-10."""
    t = torch.linspace(0, 1, 11, dtype=torch.float64)
    at = FlowSchedule(log_snr_max=20, log_snr_min=-20).at(t, like=t)
    assert torch.allclose(at.alpha, 1 - t, atol=math.exp(-10))
    assert torch.allclose(at.sigma, t, atol=math.exp(-10))


def test_cosine_is_nichol_and_dhariwals() -> None:
    """alpha_bar = f(i/T) / f(0), f(u) = cos^2(pi/2 (u + s)/(1 + s)), s = 0.008; theirs in float32.

    Their last betas are capped at 0.999, and a product of T float32 factors is good to T roundings.
    """
    reference = DDPMScheduler(beta_schedule="squaredcos_cap_v2").alphas_cumprod[:-2].double()
    i = torch.arange(1, 999, dtype=torch.float64)
    log_snr = CosineSchedule().curve((i / 1000 + 0.008) / 1.008)
    first = math.cos(math.pi / 2 * 0.008 / 1.008) ** 2
    assert torch.allclose(log_snr.sigmoid() / first, reference, rtol=1000 * EPS32)


def test_linear_beta_is_ddpms_in_continuous_time() -> None:
    """alpha_bar = prod(1 - beta_k) against exp(-B), which differ by sum beta^2 / 2 in logarithm.

    That sum is 0.07 at the noisy end, and at the first step beta's mean over the step is a tenth
    more than beta_1: both within 0.1 in log-SNR.
    """
    reference = DDPMScheduler(beta_start=1e-4, beta_end=0.02).alphas_cumprod.double().logit()
    u = torch.arange(1, 1001, dtype=torch.float64) / 1000
    assert (LinearBetaSchedule().curve(u) - reference).abs().max() < 0.1


@pytest.mark.parametrize(("start", "end", "tau"), [(-3, 3, 1), (0, 3, 0.3), (-3, 0, 0.9)])
def test_sigmoid_is_chens(start: float, end: float, tau: float) -> None:
    """gamma as its algorithm 1 writes it, where differences of sigmoids cost up to four digits."""
    curve = SigmoidSchedule(start=float(start), end=float(end), tau=float(tau)).curve(U)
    v_start, v_end = torch.tensor([start / tau, end / tau], dtype=torch.float64).sigmoid()
    gamma = (v_end - ((U * (end - start) + start) / tau).sigmoid()) / (v_end - v_start)
    assert torch.allclose(curve.sigmoid(), gamma, rtol=1e-10, atol=1e-13)


def test_sigmoid_is_inverted_far_out() -> None:
    """Its data's end keeps every digit, exp(log_snr) need not exist, and u never passes 1."""
    schedule = SigmoidSchedule(start=-300.0, end=300.0)
    log_snr = torch.tensor([700.0, 100.0, 0.0, -100.0], dtype=torch.float64)
    u = schedule.place(log_snr)
    assert (u.diff() > 0).all()
    assert torch.allclose(schedule.curve(u), log_snr, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("mu", "b"), [(0.0, 0.5), (-1.0, 0.4), (2.0, 1.5)])
def test_laplace_is_hangs_and_draws_its_density(mu: float, b: float) -> None:
    """Its table 1's formula; u is the share of the density above log-SNR; to roundings."""
    log_snr = LaplaceSchedule(mu=mu, b=b).curve(U)
    written = mu - b * (0.5 - U).sign() * (1 - 2 * (U - 0.5).abs()).log()
    assert torch.allclose(log_snr, written, rtol=1e-12, atol=1e-12)
    density = torch.distributions.Laplace(*torch.tensor([mu, b], dtype=torch.float64))
    assert torch.allclose(1 - density.cdf(log_snr), U, rtol=1e-12)


@pytest.mark.parametrize(("mean", "std"), [(-1.2, 1.2), (-0.4, 1.0)])
def test_edm_draws_log_normal_sigmas(mean: float, std: float) -> None:
    """ln sigma is normal, sigma = exp(-log_snr / 2); ndtri is good to 1e-13 or so."""
    log_snr = EDMSchedule(mean=mean, std=std).curve(U)
    normal = torch.distributions.Normal(*torch.tensor([mean, std], dtype=torch.float64))
    assert torch.allclose(normal.cdf(-log_snr / 2), U, rtol=1e-10)


def test_edm_is_inverted_far_into_the_data() -> None:
    """Its lower tail, 2e-47 at log-SNR 37, keeps its digits: torch's ndtr is zero from 22 on."""
    log_snr = torch.linspace(20, 37, 9, dtype=torch.float64)
    schedule = EDMSchedule()
    assert torch.allclose(schedule.curve(schedule.place(log_snr)), log_snr, rtol=1e-12)


def test_edm_is_cut_at_its_sigmas() -> None:
    """sigma / alpha of 0.002 and 80; float64 roundings times the slopes there."""
    t = torch.tensor([0.0, 1.0], dtype=torch.float64)
    sigma = (-EDMSchedule().log_snr(t) / 2).exp()
    assert torch.allclose(sigma, torch.tensor([0.002, 80.0], dtype=torch.float64), rtol=1e-9)


def test_interpolated_is_hoogebooms() -> None:
    """t log_snr_low(t) + (1 - t) log_snr_high(t), noise resolutions 32 and 256 at 512 px.

    Cut at +-40 either end takes e^-17 of u.
    """
    low, high = resolution_shift(512, 32), resolution_shift(512, 256)
    schedule = InterpolatedSchedule(shift=low, data_shift=high, log_snr_max=40, log_snr_min=-40)
    cosine = CosineSchedule().curve(U)
    written = U * (cosine + low) + (1 - U) * (cosine + high)
    assert torch.allclose(schedule.log_snr(U), written, atol=1e-4)
    assert torch.allclose(schedule.curve(U) + low, written, atol=1e-12)


@pytest.mark.parametrize("shift", [-2.0, 0.0, 3.0])
def test_interpolated_between_equal_shifts_is_a_shifted_cosine(shift: float) -> None:
    t = torch.linspace(0, 1, 11, dtype=torch.float64)
    wanted = CosineSchedule(shift=shift).log_snr(t)
    assert torch.equal(InterpolatedSchedule(shift=shift, data_shift=shift).log_snr(t), wanted)


@pytest.mark.parametrize("data_shift", [-6.28, -3.0, 8.0])
def test_interpolated_is_inverted_however_it_is_tilted(data_shift: float) -> None:
    """At -6.28 the slope falls to 3e-3 at u = 1/2, where log-SNR's rounding is 1e-13 of u."""
    schedule = InterpolatedSchedule(data_shift=data_shift)
    log_snr = schedule.curve(U)
    assert (log_snr.diff() < 0).all()
    assert torch.allclose(schedule.place(log_snr), U, atol=1e-12)


def test_a_shifted_picture_shows_as_much_as_the_reference_does() -> None:
    """Averaged from 512 px to 64, noise shrinks by 8: log-SNR gains what the shift took away.

    12,288 numbers give a standard deviation to 0.6 %; five of those.
    """
    noise = torch.randn(1, 3, 512, 512, generator=torch.Generator().manual_seed(0))
    gain = -2 * F.avg_pool2d(noise, 8).std().log().item()
    assert resolution_shift(512, 64) + gain == pytest.approx(0, abs=2 * 5 * 0.006)
    assert resolution_shift(64, 64) == 0


def test_a_shift_is_chens_input_scaling() -> None:
    """b x_0 in place of x_0 multiplies SNR by b^2, here b = 64 / 128."""
    snr = CosineSchedule().curve(U).exp()
    shifted = (CosineSchedule().curve(U) + resolution_shift(128, 64)).exp()
    assert torch.allclose(shifted, 0.5**2 * snr, rtol=1e-12)


def test_sides_of_no_pixels_are_refused() -> None:
    with pytest.raises(UsageError, match=r"size 0, reference 64: .* positive"):
        resolution_shift(0, 64)
