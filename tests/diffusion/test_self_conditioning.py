"""A walk remembers its last estimate, and nothing remembers a walk."""

import torch
from torch import Tensor

from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.diffusion.guidance import guided
from minimagen.diffusion.self_conditioning import self_conditioned
from minimagen.diffusion.thresholding import clamped

X_T = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
T = torch.full((2,), 0.5)
TEXT = TextEmbedding(torch.ones(2, 3, 5), torch.ones(2, 3, dtype=torch.bool))


class Listening:
    """A denoiser that keeps what it was told, and answers something new each time."""

    def __init__(self) -> None:
        self.told: list[Tensor | None] = []

    def __call__(self, x_t: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
        """Answer the noisy image, larger from call to call; text adds some."""
        self.told.append(cond.previous)
        text = 0.0 if cond.text is None else cond.text.mask.float().mean(1).view(-1, 1, 1, 1)
        return x_t * len(self.told) + text


def test_each_call_is_told_what_the_one_before_returned() -> None:
    listening = Listening()
    denoise = self_conditioned(listening)
    answers = [denoise(X_T, T, Conditioning()) for _ in range(3)]
    first, *later = listening.told
    assert first is None
    assert all(map(torch.equal, later, answers))


def test_another_walk_starts_afresh() -> None:
    listening = Listening()
    for _ in range(2):
        self_conditioned(listening)(X_T, T, Conditioning())
    assert listening.told == [None, None]


def test_every_side_of_guidance_is_told_the_one_estimate_that_the_sampler_used() -> None:
    """The thresholded one, twice along the batch."""
    listening = Listening()
    denoise = self_conditioned(clamped(guided(listening, 3.0)))
    used = denoise(X_T, T, Conditioning(TEXT))
    denoise(X_T, T, Conditioning(TEXT))
    told = listening.told[1]
    assert told is not None
    assert torch.equal(told, torch.cat([used, used]))
    assert used.abs().max() == 1
