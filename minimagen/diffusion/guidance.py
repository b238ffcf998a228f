"""Steering a denoiser by what it is told, without a classifier.

Each function wraps a denoiser. The sides that it compares are asked in one call, stacked along the
batch, and scale 1 is no guidance: the denoiser itself, without the cost of a second side.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.diffusion.denoiser import Denoiser
from minimagen.diffusion.schedules import Schedule

FLAT = 1e-4
"""Standard deviation below which a picture has no contrast to scale; one 8-bit level is 8e-3."""


def guided(
    denoise: Denoiser, scale: float, negative: TextEmbedding | None = None, rescale: float = 0.0
) -> Denoiser:
    """Exaggerate what the text changes:  x_0(null) + scale (x_0(text) - x_0(null)).

    Args:
        denoise: a denoiser trained with some of its text dropped.
        scale: 1 is off (and half the calls), more follows the text closer.
        negative: captions to steer away from, (B, L, D), in place of null text. The low-resolution
            image stays on both sides.
        rescale: how far the estimate's contrast is brought back, in [0, 1]; see :func:`rescaled`.

    Source: Ho & Salimans 2022 (arXiv:2207.12598), eq. 6 with scale = 1 + w.
    """
    if scale == 1:
        return denoise
    ask = _Asker(denoise, lambda cond: [cond, _away(cond, negative)])

    def guide(x_t: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        text, null = ask(x_t, t, cond)
        return rescaled(null + scale * (text - null), text, rescale)

    return guide


def guided_by_both(
    denoise: Denoiser,
    text_scale: float,
    lowres_scale: float,
    negative: TextEmbedding | None = None,
    rescale: float = 0.0,
) -> Denoiser:
    """Exaggerate what the low-res image changes, then what the text changes on top of it.

        none + lowres_scale (low - none) + text_scale (text - low)

    where ``text`` is told everything, ``low`` the low-res image alone, and ``none`` neither.

    Args:
        denoise: a denoiser trained with some text and some low-res images dropped.
        text_scale: as in :func:`guided`.
        lowres_scale: 1 is :func:`guided`; otherwise there are three sides.
        negative: as in :func:`guided`; in place of null text on both sides that lack the caption.
        rescale: as in :func:`guided`.

    Source: Brooks et al. 2022 (arXiv:2211.09800), eq. 3.
    """
    if lowres_scale == 1:
        return guided(denoise, text_scale, negative, rescale)

    def sides(cond: Conditioning) -> list[Conditioning]:
        away = _away(cond, negative)
        return [cond, away, away.without_lowres()]

    ask = _Asker(denoise, sides)

    def guide(x_t: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        text, low, none = ask(x_t, t, cond)
        x_0 = none + lowres_scale * (low - none) + text_scale * (text - low)
        return rescaled(x_0, text, rescale)

    return guide


def composed(denoise: Denoiser, parts: Sequence[tuple[TextEmbedding, float]]) -> Denoiser:
    """Follow several captions at once:  x_0(null) + sum_i scale_i (x_0(text_i) - x_0(null)).

    The caption of the condition itself is not read.

    Args:
        denoise: a denoiser trained with some of its text dropped.
        parts: captions and their scales. Captions are (B, L, D), or (1, L, D) for all samples; a
            negative scale steers away. One part alone is :func:`guided`.

    Source: Liu et al. 2022 (arXiv:2206.01714), eq. 11, the product of the conditions.
    """

    def guide(x_t: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        told = [replace(cond, text=text.repeated(len(x_t))) for text, _ in parts]
        sides = [cond.null(), *told]
        null, *estimates = _ask(denoise, x_t, t, Conditioning.cat(sides), len(sides))
        x_0 = null
        for estimate, (_, scale) in zip(estimates, parts, strict=True):
            x_0 = x_0 + scale * (estimate - null)
        return x_0

    return guide


def autoguided(denoise: Denoiser, weaker: Denoiser, scale: float) -> Denoiser:
    """Exaggerate what sets a denoiser apart from a weaker one, under the same condition.

        x_0(weaker) + scale (x_0 - x_0(weaker))

    Args:
        denoise: the denoiser that is wanted.
        weaker: a smaller one, or one trained for less long, of the same task.
        scale: 1 is off, and never asks the weaker one.

    Source: Karras et al. 2024 (arXiv:2406.02507), eq. 2.
    """
    if scale == 1:
        return denoise

    def guide(x_t: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        poor = weaker(x_t, t, cond)
        return poor + scale * (denoise(x_t, t, cond) - poor)

    return guide


def in_interval(
    guided: Denoiser, plain: Denoiser, schedule: Schedule, low: float, high: float
) -> Denoiser:
    """Guide where low <= log-SNR <= high, and nowhere else.

    Guidance hurts variety at high noise and does nothing at low noise; both are left out.

    Args:
        guided: the denoiser inside the interval.
        plain: the denoiser outside of it, at half the calls.
        schedule: gives the log-SNR at t.
        low: lowest log-SNR that is guided: the noisiest level.
        high: highest log-SNR that is guided: the cleanest level.

    Source: Kynkäänniemi et al. 2024 (arXiv:2404.07724).
    """
    if guided is plain:
        return plain

    def choose(x_t: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        log_snr = schedule.at(t, like=x_t).log_snr  # (B, 1, 1, 1)
        inside = (low <= log_snr) & (log_snr <= high)
        if inside.all():
            return guided(x_t, t, cond)
        if not inside.any():
            return plain(x_t, t, cond)
        return torch.where(inside, guided(x_t, t, cond), plain(x_t, t, cond))

    return choose


def rescaled(x_0: Tensor, like: Tensor, share: float) -> Tensor:
    """Bring the contrast of an estimate back to another's, image by image.

        share x_0 std(like) / std(x_0) + (1 - share) x_0

    Args:
        x_0: guided estimates, over-saturated, (B, C, H, W).
        like: estimates of the side that was told the text, (B, C, H, W).
        share: 0 leaves the estimate alone, 1 gives it exactly the other's standard deviation.

    Source: Lin et al. 2023 (arXiv:2305.08891), eq. 15-16.
    """
    if share == 0:
        return x_0
    wanted, spread = (x.std(dim=(1, 2, 3), keepdim=True) for x in (like, x_0))
    ratio = torch.where(spread > FLAT, wanted / spread, 1.0)
    return share * ratio * x_0 + (1 - share) * x_0


def _away(cond: Conditioning, negative: TextEmbedding | None) -> Conditioning:
    """Return the side that guidance leads away from."""
    return cond.null() if negative is None else replace(cond, text=negative)


class _Asker:
    """Asks about the same images under several conditions, in one call.

    What stands still on a walk is joined once: the same text and low-res image are the same
    objects, and then stay the same objects to what is asked.

    Args:
        denoise: is asked.
        sides: the conditions that are made of one.
    """

    def __init__(
        self, denoise: Denoiser, sides: Callable[[Conditioning], list[Conditioning]]
    ) -> None:
        self.denoise, self.sides = denoise, sides
        self._of: Conditioning | None = None
        self._joined, self._count = Conditioning(), 1

    def __call__(self, x_t: Tensor, t: Tensor, cond: Conditioning) -> list[Tensor]:
        """Return an estimate for each side."""
        before = self._of
        if before is None or cond.text is not before.text or cond.lowres is not before.lowres:
            self._of = replace(cond, previous=None)
            sides = self.sides(self._of)
            self._joined, self._count = Conditioning.cat(sides), len(sides)
        previous = None
        if cond.previous is not None:
            previous = torch.cat([cond.previous] * self._count)
        told = replace(self._joined, previous=previous)
        return _ask(self.denoise, x_t, t, told, self._count)


def _ask(
    denoise: Denoiser, x_t: Tensor, t: Tensor, sides: Conditioning, count: int
) -> list[Tensor]:
    """Ask about the same images under ``count`` conditions, joined one after the other."""
    answers = denoise(torch.cat([x_t] * count), torch.cat([t] * count), sides)
    return list(answers.chunk(count))
