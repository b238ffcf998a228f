"""A peer as a contender: its own cascade, loss and sampler, and a plain Adam around them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.peers.contender import Task
from benchmarks.peers.door import MAKERS


class Peer:
    """One of the two peers' base.

    Args:
        task: what it learns; it has all of it in memory, ready.
        name: a key of ``MAKERS``.
        unet: what its U-Net is made with.
        imagen: further settings of its cascade.
        rate: of Adam.
        batch: images of a step.
        clip: longest gradient; 0 leaves it as it is.
        average: decay of the weights' average that draws; 0 draws with the weights themselves.
        guidance: scale at sampling.
        seed: of everything.
    """

    def __init__(
        self,
        task: Task,
        *,
        name: str,
        unet: Mapping[str, Any],
        imagen: Mapping[str, Any],
        rate: float,
        batch: int,
        clip: float,
        average: float,
        guidance: float,
        seed: int,
    ) -> None:
        torch.manual_seed(seed)
        side, width = task.images.shape[-1], task.tokens.shape[-1]
        self.imagen = MAKERS[name]([unet], [side], width, **imagen)
        self.unet = self.imagen.unets[0]
        self.parameters = [*self.unet.parameters()]  # minimagen's own list is empty in training
        self.optimizer = torch.optim.Adam(self.parameters, lr=rate)
        follow = get_ema_multi_avg_fn(average)
        self.averaged = AveragedModel(self.unet, multi_avg_fn=follow) if average else None
        self.task, self.batch, self.clip, self.guidance = task, batch, clip, guidance

    def weights(self) -> int:
        """Return how many weights it trains."""
        return sum(parameter.numel() for parameter in self.parameters)

    def is_done(self) -> bool:
        """Never: its rate is constant, and more steps are always of use."""
        return False

    def step(self) -> float:
        """Take one step of Adam on images drawn at random."""
        loss = self._loss(torch.randint(len(self.task.images), (self.batch,)))
        loss.backward()
        if self.clip:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.averaged is not None:
            self.averaged.update_parameters(self.unet)
        return loss.item()

    def _loss(self, rows: Tensor) -> Tensor:
        loss: Tensor = self.imagen(
            self.task.images[rows] / 255,
            text_embeds=self.task.tokens[rows],
            text_masks=self.task.mask[rows],
            unet_number=1,
        )
        return loss

    @torch.no_grad()
    def loss(self, count: int) -> float:
        """Return the averaged weights' loss on the first images, always with the same noise."""
        with self._averaged_weights(), torch.random.fork_rng():
            torch.manual_seed(0)
            return self._loss(torch.arange(count)).item()

    def draw(self, count: int) -> Tensor:
        """Draw with its own sampler, and the averaged weights if any; (count, 3, S, S)."""
        with self._averaged_weights():
            images = self.imagen.sample(
                text_embeds=self.task.asked_tokens[:count],
                text_masks=self.task.asked_mask[:count],
                cond_scale=self.guidance,
            )
        return 2 * images - 1

    def save(self, to: str) -> None:
        """Write all that training changes."""
        torch.save([part.state_dict() for part in self._parts()], to)

    def load(self, path: str) -> None:
        """Read what :meth:`save` wrote; the images drawn afterwards are others."""
        for part, state in zip(self._parts(), torch.load(path, weights_only=True), strict=True):
            part.load_state_dict(state)

    def _parts(self) -> list[Any]:
        averaged = [] if self.averaged is None else [self.averaged]
        return [self.unet, self.optimizer, *averaged]

    @contextmanager
    def _averaged_weights(self) -> Iterator[None]:
        """Put the average in the place of the weights, if there is one."""
        learnt = {name: weight.clone() for name, weight in self.unet.state_dict().items()}
        if self.averaged is not None:
            self.unet.load_state_dict(self.averaged.module.state_dict())
        yield
        self.unet.load_state_dict(learnt)
