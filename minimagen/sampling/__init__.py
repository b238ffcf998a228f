"""From noise to images: grids of times, and samplers.

A sampler is one pure function ``(denoise, x, times, schedule, *, generators=None) -> x_0`` of any
denoiser with its condition bound, ``(x_t (B,C,H,W), t (B,)) -> x_0``. Its memory is in local
variables. A new one is a function in a file of its own and one line here; what it takes besides is
an option, with a default.
"""

import inspect
from typing import Any

from minimagen.sampling.ddim import ddim
from minimagen.sampling.ddpm import ddpm
from minimagen.sampling.dpmpp_multistep import dpmpp_2m, dpmpp_2m_sde, dpmpp_3m
from minimagen.sampling.dpmpp_singlestep import dpmpp_1s, dpmpp_2s
from minimagen.sampling.euler import euler, euler_ancestral
from minimagen.sampling.heun import heun
from minimagen.sampling.linear_multistep import lms, pndm
from minimagen.sampling.unipc import unipc
from minimagen.sampling.walk import Bound, Sampler

__all__ = [
    "SAMPLERS",
    "Bound",
    "Sampler",
    "ddim",
    "ddpm",
    "dpmpp_1s",
    "dpmpp_2m",
    "dpmpp_2m_sde",
    "dpmpp_2s",
    "dpmpp_3m",
    "euler",
    "euler_ancestral",
    "heun",
    "lms",
    "options_of",
    "pndm",
    "unipc",
]

SAMPLERS: dict[str, Sampler] = {
    "ddpm": ddpm,
    "ddim": ddim,
    "euler": euler,
    "euler_ancestral": euler_ancestral,
    "heun": heun,
    "dpmpp_1s": dpmpp_1s,
    "dpmpp_2s": dpmpp_2s,
    "dpmpp_2m": dpmpp_2m,
    "dpmpp_3m": dpmpp_3m,
    "dpmpp_2m_sde": dpmpp_2m_sde,
    "unipc": unipc,
    "pndm": pndm,
    "lms": lms,
}


def options_of(name: str) -> dict[str, Any]:
    """Return the types of what a sampler takes besides the arguments that all of them take."""
    parameters = inspect.signature(SAMPLERS[name]).parameters.values()
    own = [p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    return {p.name: p.annotation for p in own if p.name != "generators"}
