"""The samplers against diffusers' schedulers, on DDPM's 1,000 betas and the same discrete steps.

Their levels of noise are the scheduler's own, turned into times of a schedule here: a sampler sees
a schedule only through its levels, and variance-preserving levels follow from log-SNR. Where theirs
end at sigma = 0 exactly, ours end at log-SNR 25, sigma = 4e-6. Both sides ask one denoiser, the
exact one of Gaussian data. Theirs compute levels in float32, where 1 - alpha_bar loses digits:
hence 1e-4 of the largest pixel, and no less.
"""

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    HeunDiscreteScheduler,
)
from torch import Tensor

from minimagen.diffusion.schedules import LinearBetaSchedule
from minimagen.sampling import ddim, ddpm, dpmpp_2m, heun
from minimagen.seeds import generators
from tests.sampling.gaussian import COLOURFUL, start

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SCHEDULE = LinearBetaSchedule(log_snr_max=25, log_snr_min=-11)
DENOISE = COLOURFUL.denoiser(SCHEDULE)
BETAS = {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
NOISE = start((2, 6, 4, 4), torch.float32)


def close(ours: Tensor, theirs: Tensor) -> bool:
    """Return whether two results agree to 1e-4 of the largest pixel."""
    return bool((ours - theirs).abs().max() < 1e-4 * theirs.abs().max())


def times_of(log_snr: Tensor) -> Tensor:
    """Return the times of these levels, ending at almost no noise."""
    return torch.cat([SCHEDULE.time(log_snr.double()), torch.zeros(1, dtype=torch.float64)])


@pytest.mark.parametrize("steps", [10, 25, 50])
def test_ddim_is_theirs(steps: int) -> None:
    theirs = DDIMScheduler(**BETAS, clip_sample=False, prediction_type="sample")
    theirs.set_timesteps(steps)
    times = times_of(theirs.alphas_cumprod.double().logit()[theirs.timesteps])
    x = NOISE
    for t, time in zip(theirs.timesteps, times, strict=False):
        x = theirs.step(DENOISE(x, time.expand(2)), t, x).prev_sample
    assert close(ddim(DENOISE, NOISE, times, SCHEDULE), x)


@pytest.mark.parametrize("steps", [10, 50, 1000])
def test_ddpm_is_theirs_with_the_same_noise(steps: int) -> None:
    """Theirs takes a list of generators too, draws as often as ours and in the same order."""
    theirs = DDPMScheduler(**BETAS, clip_sample=False, prediction_type="sample")
    theirs.set_timesteps(steps)
    times = times_of(theirs.alphas_cumprod.double().logit()[theirs.timesteps])
    x, draws = NOISE, generators(range(2), 7)
    for t, time in zip(theirs.timesteps, times, strict=False):
        x = theirs.step(DENOISE(x, time.expand(2)), t, x, generator=draws).prev_sample
    assert close(ddpm(DENOISE, NOISE, times, SCHEDULE, generators=generators(range(2), 7)), x)


@pytest.mark.parametrize("steps", [11, 26])
def test_dpmpp_2m_is_theirs_on_equal_steps_of_log_snr(steps: int) -> None:
    """Theirs extrapolates freely, ours no further than the last step reached back.

    On equal steps the two are the same formula, so the comparison is made there, and between
    sigma_max and sigma_min: theirs would take a last step to sigma = 0 at first order.
    """
    theirs = DPMSolverMultistepScheduler(
        **BETAS,
        prediction_type="sample",
        use_lu_lambdas=True,
        lower_order_final=False,
        final_sigmas_type="sigma_min",
    )
    theirs.set_timesteps(steps)
    times = SCHEDULE.time(-2 * theirs.sigmas[:-1].double().log())
    x = NOISE
    for t, time in zip(theirs.timesteps[:-1], times, strict=False):
        x = theirs.step(DENOISE(x, time.expand(2)), t, x).prev_sample
    assert close(dpmpp_2m(DENOISE, NOISE, times, SCHEDULE), x)


@pytest.mark.parametrize("steps", [10, 25])
def test_heun_is_theirs(steps: int) -> None:
    """Theirs walks y = x / alpha and is asked for eps = (y - x_0) / sigma."""
    theirs = HeunDiscreteScheduler(**BETAS)
    theirs.set_timesteps(steps)
    levels = -2 * theirs.sigmas[:-1].double().log()
    times = SCHEDULE.time(levels)
    y = NOISE / SCHEDULE.at(times[0], NOISE).alpha
    for t, time, sigma in zip(theirs.timesteps, times, theirs.sigmas[:-1], strict=True):
        x_0 = DENOISE(SCHEDULE.at(time, y).alpha * y, time.expand(2))
        y = theirs.step((y - x_0) / sigma, t, y).prev_sample
    walked = torch.cat([times[:1], times[1::2], torch.zeros(1, dtype=torch.float64)])
    assert close(heun(DENOISE, NOISE, walked, SCHEDULE), y)
