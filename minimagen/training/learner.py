"""What learns: a stage's network, its average, its optimizers. How long it learns, ``fit`` says."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from minimagen.data.stream import Batch
from minimagen.runtime import (
    autocast,
    load_scaler,
    load_whole,
    loss_scaler,
    scaler_tensors,
    undivided,
)
from minimagen.stage import Stage
from minimagen.training.config import of_stage
from minimagen.training.draws import draw
from minimagen.training.ema import Averages
from minimagen.training.optimizer import (
    at_average,
    groups_of,
    load_state_tensors,
    make_optimizers,
    set_rate,
    state_tensors,
)
from minimagen.training.run import Run
from minimagen.training.step import stage_losses
from minimagen.training.tuning import make_tuned
from minimagen.training.uncertainty import LogVariance


@dataclass(frozen=True)
class Gradient:
    """What the batches of one optimizer step came to; the gradient itself is in the network.

    Args:
        numbers: global sample numbers, (N,).
        losses: of each image, (N,).
        norm: of the gradient before it was clipped, 0-d.
    """

    numbers: tuple[int, ...]
    losses: Tensor
    norm: Tensor

    @property
    def loss(self) -> Tensor:
        """The mean loss, 0-d."""
        return self.losses.mean()

    def is_finite(self) -> bool:
        """Whether the weights may be moved by it."""
        return bool((self.loss + self.norm).isfinite())

    def suspects(self) -> list[int]:
        """Return the samples whose own loss is no number; all, when only the gradient is none."""
        broken = (~self.losses.isfinite()).tolist()
        own = [number for number, is_broken in zip(self.numbers, broken, strict=True) if is_broken]
        return own or list(self.numbers)


class Learner:
    """All that a training step changes.

    Args:
        run: what the stages have in common.
        stage: its network is trained in place.
    """

    def __init__(self, run: Run, stage: Stage) -> None:
        config = run.config
        self.run, self.stage = run, stage
        self.network = stage.network.train()
        self.ema = Averages(stage.network, config.ema)
        learned = stage.config.learned_log_variance
        self.log_variance = LogVariance().to(stage.device) if learned else None
        self._called = self._spread()
        peak = of_stage(config.optimizer.learning_rate, stage.index)
        self.optimizers = make_optimizers(
            stage.network, config.optimizer, peak, self.log_variance, stage.index
        )
        self.scaler = loss_scaler(stage.device, run.precision)
        self.text = make_tuned(run, stage)
        if self.text is not None:
            self.text.join(self.optimizers[0])
        self.batch_size = of_stage(config.batch_size, stage.index)
        self.images_per_step = config.images_per_step(stage.index, run.processes.count)

    @property
    def averaged(self) -> Stage:
        """The stage with its averaged network."""
        return replace(self.stage, network=self.ema.network)

    @property
    def rate(self) -> float:
        """AdamW's rate as it was last set."""
        return float(groups_of(self.optimizers)[0]["lr"])

    def gradient(self, batches: Iterable[Batch]) -> Gradient:
        """Add up the clipped gradient of one optimizer step; nothing is moved by it yet.

        The gradient is that of all processes; numbers and losses are this one's.
        """
        numbers: list[int] = []
        losses: list[Tensor] = []
        accumulate = self.run.config.accumulate
        for part, batch in enumerate(batches, start=1):
            with self.run.processes.syncing(self._called, now=part == accumulate):
                own = self._losses(batch)
                # Processes average their gradients, so each divides by its own images alone.
                loss = own.sum() / (self.batch_size * accumulate)
                self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            numbers += batch.numbers
            losses.append(own.detach())
        return Gradient(tuple(numbers), torch.cat(losses), self._clipped_norm())

    def _clipped_norm(self) -> Tensor:
        """Clip the gradient of all processes and return its norm before that, 0-d."""
        for optimizer in self.optimizers:
            self.scaler.unscale_(optimizer)
        clip = self.run.config.optimizer.clip
        learnt = [*self.network.parameters(), *(self.text.model.parameters() if self.text else ())]
        return undivided(torch.nn.utils.clip_grad_norm_(learnt, clip))

    def update(self, factor: float, updates: int) -> None:
        """Move the weights by the gradient, then their averages.

        Args:
            factor: share of the peak rate.
            updates: how many came before.
        """
        set_rate(self.optimizers, factor)
        for optimizer in self.optimizers:
            self.scaler.step(optimizer)
        self.forget_gradient()
        with at_average(self.optimizers):
            self.ema.update(self.network, updates)
            if self.text is not None:
                self.text.follow(updates)

    def overflowed(self, gradient: Gradient) -> bool:
        """Whether a gradient that is no number may be one at a smaller loss scale, in fp16."""
        can_be_smaller = self.scaler.is_enabled() and self.scaler.get_scale() > 1
        return bool(gradient.loss.isfinite()) and can_be_smaller

    def forget_gradient(self) -> None:
        """Be ready for the next step; in fp16 at half the loss scale, if this one overflowed."""
        self.scaler.update()
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """Return all that resuming needs, in groups; whole ones in the first process alone."""
        tensors = {
            "model": self.network.state_dict(),
            **self.ema.tensors(),
            "optimizer": state_tensors(self.optimizers),
        }
        if self.log_variance is not None:
            tensors["log_variance"] = self.log_variance.state_dict()
        if self.scaler.is_enabled():
            tensors["scaler"] = scaler_tensors(self.scaler)
        if self.text is not None:
            tensors |= self.text.tensors()
        return {group: self.run.processes.whole(named) for group, named in tensors.items()}

    def load(self, tensors: dict[str, dict[str, Tensor]]) -> None:
        """Put back what :meth:`tensors` returned."""
        load_whole(self.network, tensors["model"])
        self.ema.load(tensors)
        load_state_tensors(self.optimizers, tensors["optimizer"])
        if self.log_variance is not None:
            load_whole(self.log_variance, tensors["log_variance"])
        if self.scaler.is_enabled():
            load_scaler(self.scaler, tensors["scaler"])
        if self.text is not None:
            self.text.load(tensors)

    def _spread(self) -> list[nn.Module]:
        """Compile blocks, share out the work among processes; returns what to call in training."""
        run, sharding = self.run, self.run.config.sharding
        for block in self.network.blocks() if run.config.compile else ():
            block.compile()  # in place: names of weights stay
        for average in self.ema.networks:
            run.processes.shard(average, average.blocks(), sharding)
        called = [run.processes.spread(self.network, self.network.blocks(), sharding)]
        if self.log_variance is not None:
            called.append(run.processes.spread(self.log_variance, (), sharding))
        return called

    def _losses(self, batch: Batch) -> Tensor:
        seed, sides = self.run.config.seed, (batch.images.shape[2], batch.images.shape[3])
        draws = draw(self.stage, batch.numbers, self.images_per_step, seed, sides=sides)
        embed = self.text or self.run.embed
        text = None if embed is None else embed(batch.captions)
        network, *log_variance = self._called
        with autocast(self.stage.device, self.run.precision):
            return stage_losses(self.stage, network, batch.images, text, draws, *log_variance)
