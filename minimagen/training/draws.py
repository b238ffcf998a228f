"""Every random draw of a training step, keyed by global sample number.

Nothing here depends on which batch, process or attempt a sample comes in: only on (seed, stage,
purpose, number).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from minimagen.aspect import Sides
from minimagen.seeds import generators, normal, units
from minimagen.stage import Stage


@dataclass(frozen=True)
class Draws:
    """What chance decides about a batch.

    Args:
        t: diffusion time, (B,).
        eps: noise, (B, C, H, W): of the whole picture, or of the crop.
        keep: which captions are kept, (B,), bool.
        keep_lowres: which low-res images are kept, (B,), bool; unused by the first stage.
        show_estimate: which samples are shown the network's own estimate, (B,), bool.
        corners: top and left of the crops in pixels, (B, 2); None for whole pictures.
        lowres_t: augmentation time, (B,); unused by the first stage.
        lowres_eps: augmentation noise, like eps; None for the first stage.
        lowres_blur: standard deviation of the low-res image's blur in its pixels, (B,); unused by
            the first stage.
    """

    t: Tensor
    eps: Tensor
    keep: Tensor
    keep_lowres: Tensor
    show_estimate: Tensor
    corners: Tensor | None
    lowres_t: Tensor
    lowres_eps: Tensor | None
    lowres_blur: Tensor

    def undropped(self) -> "Draws":
        """Return the same draws, all captions and all low-res images kept."""
        kept = torch.ones_like(self.keep)
        return replace(self, keep=kept, keep_lowres=kept)


def draw(
    stage: Stage,
    numbers: Sequence[int],
    batch: int,
    seed: int,
    purpose: str = "training",
    sides: Sides | None = None,
) -> Draws:
    """Draw all that a batch needs.

    Args:
        stage: says what is drawn, and keys it.
        numbers: global sample numbers, (B,).
        batch: size of the global batch, over which the times are stratified.
        seed: of the run.
        purpose: keeps training and validation apart.
        sides: height and width of the images; None is the stage's square.
    """
    key = (seed, stage.name, purpose)
    config = stage.config
    whole = sides or (config.size, config.size)
    seen = _seen(stage, whole)
    shape = (stage.network.config.channels, *seen)
    has_lowres = stage.smaller is not None
    return Draws(
        t=_times(stage, numbers, batch, key).float(),
        eps=normal(generators(numbers, *key, "eps"), shape),
        keep=units(numbers, *key, "keep") >= config.text_dropout,
        keep_lowres=units(numbers, *key, "keep_lowres") >= config.lowres_dropout,
        show_estimate=units(numbers, *key, "show_estimate") < config.self_conditioning,
        corners=None if seen == whole else _corners(stage, numbers, whole, key),
        lowres_t=units(numbers, *key, "lowres_t").float() * config.augmentation.max_time,
        lowres_eps=normal(generators(numbers, *key, "lowres_eps"), shape) if has_lowres else None,
        lowres_blur=units(numbers, *key, "lowres_blur").float() * config.augmentation.max_blur,
    )


def shown_log_snr(stage: Stage, batch: int, seed: int, numbers: Sequence[int]) -> Tensor:
    """Return the log-SNR that training shows samples at; (B,), float64.

    Nothing need be kept for it: a draw follows from its key, and the time is drawn here again.
    """
    t = _times(stage, numbers, batch, (seed, stage.name, "training"))
    return stage.config.schedule.log_snr(t)


def _times(stage: Stage, numbers: Sequence[int], batch: int, key: tuple[int, str, str]) -> Tensor:
    position = torch.tensor([number % batch for number in numbers], dtype=torch.float64)
    return stage.config.times.draw(units(numbers, *key, "t"), position, batch)


def _seen(stage: Stage, whole: Sides) -> Sides:
    """Return height and width of what the network is shown of a picture."""
    if stage.config.crop in (None, stage.config.size):
        return whole
    height, width = (min(side, stage.config.crop) for side in whole)
    return height, width


def _corners(
    stage: Stage, numbers: Sequence[int], whole: Sides, key: tuple[int, str, str]
) -> Tensor:
    """Draw crop corners on the network's patch grid, so a crop is cut as a picture would be."""
    grid = stage.network.config.size_multiple
    free = [side - seen for side, seen in zip(whole, _seen(stage, whole), strict=True)]
    places = torch.tensor([pixels // grid + 1 for pixels in free])
    u = torch.stack([units(numbers, *key, "top"), units(numbers, *key, "left")], dim=1)
    return (u * places).long() * grid  # (B, 2)
