"""A peer's cascade, of which single network calls are made."""

from collections.abc import Mapping
from typing import Any

import torch

from benchmarks.peers.contender import Task
from benchmarks.peers.door import MAKERS


class TheirCascade:
    """Fresh networks of a whole cascade, at the peer's own defaults of sampling.

    Args:
        task: whose first caption the networks are told.
        name: a key of ``MAKERS``.
        unets: what each U-Net is made with.
        sizes: side of each one's images, px.
    """

    def __init__(
        self, task: Task, *, name: str, unets: list[Mapping[str, Any]], sizes: list[int]
    ) -> None:
        self.imagen = MAKERS[name](unets, sizes, task.asked_tokens.shape[-1]).eval()
        self.sizes = sizes
        self.told = {"text_embeds": task.asked_tokens[:1], "text_mask": task.asked_mask[:1]}

    def weights(self) -> int:
        """Return how many weights it has."""
        return sum(weight.numel() for weight in self.imagen.parameters())

    @torch.no_grad()
    def call(self, stage: int) -> dict[str, int]:
        """Call one network on one picture, as a step of its sampler does without guidance.

        Returns:
            How many ``calls`` were made for how many ``pictures``, and how many a picture needs.
        """
        side = self.sizes[stage]
        x, time = torch.randn(1, 3, side, side), torch.full((1,), 0.5)
        lowres = {"lowres_cond_img": x, "lowres_noise_times": time} if stage else {}
        self.imagen.unets[stage].forward_with_cond_scale(x, time, **self.told, **lowres)
        needed = self.imagen.noise_schedulers[stage].num_timesteps
        return {"calls": 1, "pictures": 1, "needed": needed}
