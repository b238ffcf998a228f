"""The samplers against diffusers' schedulers, on DDPM's 1,000 betas and the same discrete steps.

Their levels of noise are the scheduler's own, turned into times of a schedule here: a sampler sees
a schedule only through its levels, and variance-preserving levels follow from log-SNR. Where theirs
end at sigma = 0 exactly, ours end at log-SNR 25, sigma = 4e-6. Both sides ask one denoiser, the
exact one of Gaussian data. Theirs compute levels in float32, where 1 - alpha_bar loses digits:
hence 1e-4 of the largest pixel, and no less.

The multistep DPM-Solvers and UniPC extrapolate freely, ours no further than the last step reached
back. On equal steps of log-SNR the two are the same formula, so they are compared there, and from
sigma_max to sigma_min: theirs would take a last step to sigma = 0 at first order.
"""

from functools import partial
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    DPMSolverSinglestepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    LMSDiscreteScheduler,
    UniPCMultistepScheduler,
)
from torch import Tensor

from minimagen.diffusion.schedules import LinearBetaSchedule
from minimagen.sampling import (
    Sampler,
    ddim,
    ddpm,
    dpmpp_2m,
    dpmpp_2m_sde,
    dpmpp_2s,
    dpmpp_3m,
    euler,
    euler_ancestral,
    heun,
    lms,
    unipc,
)
from minimagen.seeds import generators
from tests.sampling.gaussian import COLOURFUL, start

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SCHEDULE = LinearBetaSchedule(log_snr_max=25, log_snr_min=-11)
DENOISE = COLOURFUL.denoiser(SCHEDULE)
BETAS = {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
IN_ORDER = {
    "prediction_type": "sample",
    "lower_order_final": False,
    "final_sigmas_type": "sigma_min",
}
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


@pytest.mark.parametrize("steps", [10, 50])
def test_ddim_with_eta_is_theirs_with_the_same_noise(steps: int) -> None:
    """Theirs adds noise at the end too, but there its variance is 0, as ours at sigma = 4e-6."""
    theirs = DDIMScheduler(**BETAS, clip_sample=False, prediction_type="sample")
    theirs.set_timesteps(steps)
    times = times_of(theirs.alphas_cumprod.double().logit()[theirs.timesteps])
    x, draws = NOISE, generators(range(2), 7)
    for t, time in zip(theirs.timesteps, times, strict=False):
        x_0 = DENOISE(x, time.expand(2))
        x = theirs.step(x_0, t, x, eta=0.7, generator=draws).prev_sample
    ours = ddim(DENOISE, NOISE, times, SCHEDULE, generators=generators(range(2), 7), eta=0.7)
    assert close(ours, x)


@pytest.mark.parametrize("steps", [10, 50, 1000])
@pytest.mark.parametrize("variance", ["small", "large"])
def test_ddpm_is_theirs_with_the_same_noise(steps: int, variance: str) -> None:
    """Theirs takes a list of generators too, draws as often as ours and in the same order."""
    theirs = DDPMScheduler(
        **BETAS, clip_sample=False, prediction_type="sample", variance_type=f"fixed_{variance}"
    )
    theirs.set_timesteps(steps)
    times = times_of(theirs.alphas_cumprod.double().logit()[theirs.timesteps])
    x, draws = NOISE, generators(range(2), 7)
    for t, time in zip(theirs.timesteps, times, strict=False):
        x = theirs.step(DENOISE(x, time.expand(2)), t, x, generator=draws).prev_sample
    walk = partial(ddpm, variance=variance)
    assert close(walk(DENOISE, NOISE, times, SCHEDULE, generators=generators(range(2), 7)), x)


IN_LOG_SNR: dict[str, tuple[Sampler, Any]] = {
    "dpmpp_2m": (dpmpp_2m, DPMSolverMultistepScheduler(**BETAS, **IN_ORDER)),
    "dpmpp_3m": (dpmpp_3m, DPMSolverMultistepScheduler(**BETAS, **IN_ORDER, solver_order=3)),
    "unipc": (unipc, UniPCMultistepScheduler(**BETAS, **IN_ORDER)),
    "unipc, order 3": (
        partial(unipc, order=3),
        UniPCMultistepScheduler(**BETAS, **IN_ORDER, solver_order=3),
    ),
    "dpmpp_2m_sde": (
        dpmpp_2m_sde,
        DPMSolverMultistepScheduler(**BETAS, **IN_ORDER, algorithm_type="sde-dpmsolver++"),
    ),
}


def on_equal_steps(theirs: Any, steps: int) -> Tensor:
    """Put one of their schedulers onto equal steps of log-SNR; returns our times for them."""
    even = DPMSolverMultistepScheduler(**BETAS, use_lu_lambdas=True, final_sigmas_type="sigma_min")
    even.set_timesteps(steps)
    theirs.set_timesteps(steps)
    theirs.timesteps, theirs.sigmas = even.timesteps, even.sigmas
    return SCHEDULE.time(-2 * even.sigmas[:-1].double().log())


@pytest.mark.parametrize("steps", [11, 26])
@pytest.mark.parametrize("name", IN_LOG_SNR)
def test_solvers_in_log_snr_are_theirs_on_equal_steps(name: str, steps: int) -> None:
    """Theirs adds noise in the last step too, ours never: the drawing one is compared before it."""
    ours, theirs = IN_LOG_SNR[name]
    draws = {"generator": generators(range(2), 7)} if "sde" in name else {}
    times = on_equal_steps(theirs, steps)
    x, path = NOISE, []
    for t, time in zip(theirs.timesteps[:-1], times, strict=False):
        path.append(x)
        x = theirs.step(DENOISE(x, time.expand(2)), t, x, **draws).prev_sample
    asked = []

    def denoise(x_t: Tensor, t: Tensor) -> Tensor:
        asked.append(x_t)
        return DENOISE(x_t, t)

    drawn = ours(denoise, NOISE, times, SCHEDULE, generators=generators(range(2), 7))
    assert all(close(mine, its) for mine, its in zip(asked, path, strict=True))
    assert draws or close(drawn, x)


@pytest.mark.parametrize("steps", [10, 24])
def test_dpmpp_2s_is_theirs_on_equal_steps(steps: int) -> None:
    """Theirs counts the middle of a step as a step of its own."""
    theirs = DPMSolverSinglestepScheduler(**BETAS, **IN_ORDER)
    times = on_equal_steps(theirs, steps + 1)
    x = NOISE
    for t, time in zip(theirs.timesteps[:-1], times, strict=False):
        x = theirs.step(DENOISE(x, time.expand(2)), t, x).prev_sample
    assert close(dpmpp_2s(DENOISE, NOISE, times[::2], SCHEDULE), x)


IN_R: dict[str, tuple[Sampler, Any]] = {
    "euler": (euler, EulerDiscreteScheduler),
    "euler_ancestral": (euler_ancestral, EulerAncestralDiscreteScheduler),
    "lms": (lms, LMSDiscreteScheduler),
}


@pytest.mark.parametrize("steps", [10, 25])
@pytest.mark.parametrize("name", IN_R)
def test_solvers_in_r_are_theirs(name: str, steps: int) -> None:
    """Theirs walk y = x / alpha and are asked for eps = (y - x_0) / sigma."""
    ours, kind = IN_R[name]
    theirs = kind(**BETAS)
    theirs.set_timesteps(steps)
    times = times_of(-2 * theirs.sigmas[:-1].double().log())
    y, draws = NOISE / SCHEDULE.at(times[0], NOISE).alpha, generators(range(2), 7)
    for t, time, sigma in zip(theirs.timesteps, times, theirs.sigmas, strict=False):
        theirs.scale_model_input(y, t)
        x_0 = DENOISE(SCHEDULE.at(time, y).alpha * y, time.expand(2))
        drawn = {"generator": draws} if "ancestral" in name else {}
        y = theirs.step((y - x_0) / sigma, t, y, **drawn).prev_sample
    assert close(ours(DENOISE, NOISE, times, SCHEDULE, generators=generators(range(2), 7)), y)


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
