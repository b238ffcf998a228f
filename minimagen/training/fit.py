"""Fitting one stage: the loop, from the newest checkpoint to the last step."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from minimagen.checkpoint import newest_checkpoint, read_checkpoint, write_checkpoint
from minimagen.conditioning import TextEmbedding
from minimagen.data.items import Source
from minimagen.data.stream import Batch, batches, readable_pictures
from minimagen.errors import TrainingError
from minimagen.locking import stage_lock
from minimagen.runtime import Precision, autocast
from minimagen.stage import Stage
from minimagen.training.config import TrainingConfig, of_stage
from minimagen.training.directory import TrainingDirectory
from minimagen.training.draws import draw
from minimagen.training.ema import EMA
from minimagen.training.optimizer import (
    groups_of,
    load_state_tensors,
    make_optimizers,
    rate_factor,
    set_rate,
    state_tensors,
)
from minimagen.training.samples import sample_grid
from minimagen.training.signals import StoppedError, Stopper
from minimagen.training.step import stage_losses
from minimagen.training.validation import ValidationSet, validation_loss

SHOWN = 8  # pictures in a sample grid


@dataclass(frozen=True)
class Run:
    """What the stages of a run have in common.

    Args:
        directory: where everything goes.
        config: the training parameters.
        source: captioned pictures.
        training: indices of the training split.
        validation: indices of the validation split.
        embed: captions to embeddings, looked up in memory; None for an unconditional cascade.
        precision: what the network computes in.
        workers: data-loading processes.
    """

    directory: TrainingDirectory
    config: TrainingConfig
    source: Source
    training: list[int]
    validation: list[int]
    embed: Callable[[tuple[str, ...]], TextEmbedding] | None
    precision: Precision
    workers: int = 0


@dataclass
class Progress:
    """How far a stage is; with the tensors, all that resuming needs."""

    step: int = 0
    best_loss: float | None = None
    seconds: float = 0.0


@dataclass
class Meter:
    """Averages between two lines of the log."""

    started: float = field(default_factory=time.monotonic)
    losses: list[Tensor] = field(default_factory=list)
    grad_norms: list[Tensor] = field(default_factory=list)

    def add(self, loss: Tensor, grad_norm: Tensor) -> None:
        """Count one optimizer step."""
        self.losses.append(loss)
        self.grad_norms.append(grad_norm)

    def read(self, images_per_step: int) -> dict[str, float]:
        """Return the averages and the speed."""
        seconds = time.monotonic() - self.started
        return {
            "loss": float(torch.stack(self.losses).mean()),
            "grad_norm": float(torch.stack(self.grad_norms).mean()),
            "images_per_s": round(len(self.losses) * images_per_step / max(seconds, 1e-9), 2),
        }


class Fit:
    """One stage being fitted.

    Args:
        run: what the stages have in common.
        stage: the stage; its network is trained in place.
        stopper: tells when to stop.
    """

    def __init__(self, run: Run, stage: Stage, stopper: Stopper) -> None:
        config = run.config
        self.run, self.stage, self.stopper = run, stage, stopper
        self.network = stage.network.train()
        self.ema = EMA(stage.network, config.ema_decay)
        self.averaged = replace(stage, network=self.ema.network)
        peak = of_stage(config.optimizer.learning_rate, stage.index)
        self.optimizers = make_optimizers(stage.network, config.optimizer, peak)
        self.batch_size = of_stage(config.batch_size, stage.index)
        self.images_per_step = self.batch_size * config.accumulate
        self.steps = config.length_in_steps(stage.index, len(run.training))
        self.checkpoint_steps = max(1, config.checkpoint_every // config.accumulate)
        self.progress = Progress()
        self.held_out = self._pictures(run.validation[: config.validation_images])
        self.shown = self._pictures((run.validation or run.training)[:SHOWN])

    def fit(self) -> None:
        """Train to the last step, saving on the way; resumes from the newest checkpoint.

        Raises:
            LockedError: when another process fits this stage.
            StoppedError: when a signal came; everything is saved.
            TrainingError: when the loss is no number.
        """
        with stage_lock(self._checkpoints):
            self.run.directory.sweep(self.stage.index)
            self._restore()
            self._note_start()
            if self.progress.step < self.steps:
                self._loop()
            else:
                self._publish()  # killed before it wrote them, or they were lost since
        self._note(f"finished after {self.progress.step} steps")

    def _loop(self) -> None:
        stream = self._batches()
        left = self.steps - self.progress.step
        meter, began = Meter(), time.monotonic()
        before = self.progress.seconds
        with tqdm(
            total=self.steps,
            initial=self.progress.step,
            desc=f"stage {self.stage.index}",
            unit="step",
        ) as bar:
            for _ in range(left):
                loss, grad_norm = self._step(islice(stream, self.run.config.accumulate))
                meter.add(loss, grad_norm)
                self.progress.seconds = before + time.monotonic() - began
                bar.update()
                if self._is_due(self.run.config.log_every):
                    bar.set_postfix(self._log(meter))
                    meter = Meter()
                self._keep()

    def _keep(self) -> None:
        """Save when that is due or the run is asked to stop; it stops only where it has saved."""
        due = self._is_due(self.checkpoint_steps)
        if due:
            self._validate()
        if due or self.stopper.name is not None:
            self._save()
            if self.stopper.name is not None:
                self._stop(self.stopper.name)

    def _step(self, micro_batches: Iterator[Batch]) -> tuple[Tensor, Tensor]:
        """Take one optimizer step; returns its loss and gradient norm, 0-d."""
        config = self.run.config.optimizer
        set_rate(self.optimizers, rate_factor(self.progress.step, self.steps, config))
        loss = torch.zeros((), device=self.stage.device)
        for batch in micro_batches:
            part = self._losses(batch).sum() / self.images_per_step
            part.backward()  # type: ignore[no-untyped-call]
            loss += part.detach()
        grad_norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.clip)
        self._require_finite(loss, grad_norm)
        for optimizer in self.optimizers:
            optimizer.step()
        self.network.zero_grad(set_to_none=True)
        self.ema.update(self.network, self.progress.step)
        self.progress.step += 1
        return loss, grad_norm

    def _losses(self, batch: Batch) -> Tensor:
        draws = draw(self.stage, batch.numbers, self.images_per_step, self.run.config.seed)
        text = None if self.run.embed is None else self.run.embed(batch.captions)
        with autocast(self.stage.device, self.run.precision):
            return stage_losses(self.stage, self.network, batch.images, text, draws)

    def _require_finite(self, loss: Tensor, grad_norm: Tensor) -> None:
        if bool((loss + grad_norm).isfinite()):
            return
        saved = self.progress.step - self.progress.step % self.checkpoint_steps
        message = (
            f"stage {self.stage.index}, step {self.progress.step}: the loss is {float(loss):g} and "
            f"the gradient norm {float(grad_norm):g}; nothing was changed by this step, and the "
            f"last checkpoint is of step {saved}. Start again with a lower --OPTIM_LR"
        )
        self._note(message)
        raise TrainingError(message)

    def _batches(self) -> Iterator[Batch]:
        run, stage = self.run, self.stage
        return batches(
            run.source,
            run.training,
            size=stage.config.size,
            batch_size=self.batch_size,
            first_batch=self.progress.step * run.config.accumulate,
            seed=run.config.seed,
            stage=stage.index,
            workers=run.workers,
            cache_gb=run.config.data.cache_gb,
            on_reject=lambda item: self._note(f"replaced {item.file_name}: {item.reason}"),
        )

    def _validate(self) -> None:
        """Measure the validation loss, keep the best weights, draw the sample grid."""
        seed, step = self.run.config.seed, self.progress.step
        if len(self.held_out):
            loss = validation_loss(
                self.averaged,
                self.ema.network,
                self.held_out,
                seed=seed,
                batch_size=self.batch_size,
                precision=self.run.precision,
            )
            self._note(f"step {step}: validation loss {loss:.5f}")
            self.run.directory.measure(stage=self.stage.index, step=step, validation_loss=loss)
            if self.progress.best_loss is None or loss < self.progress.best_loss:
                self.progress.best_loss = loss
                best = self.ema.network.state_dict()
                self.run.directory.save_weights(self.stage.index, "best", best)
        if len(self.shown):
            with autocast(self.stage.device, self.run.precision):
                picture = sample_grid(self.averaged, self.shown, seed)
            picture.save(self.run.directory.sample_path(self.stage.index, step))

    def _save(self) -> None:
        """Write a checkpoint, then the weights files."""
        tensors = {
            "model": self.network.state_dict(),
            "ema": self.ema.network.state_dict(),
            "optimizer": state_tensors(self.optimizers),
        }
        write_checkpoint(self._checkpoints, self.progress.step, tensors, vars(self.progress))
        self._publish()

    def _restore(self) -> None:
        path, skipped = newest_checkpoint(self._checkpoints)
        for complaint in skipped:
            self._note(f"skipped a damaged checkpoint: {complaint}")
        if path is None:
            return
        saved = read_checkpoint(path)
        self.network.load_state_dict(saved.tensors["model"])
        self.ema.network.load_state_dict(saved.tensors["ema"])
        load_state_tensors(self.optimizers, saved.tensors["optimizer"])
        self.progress = Progress(**saved.state)
        self.run.directory.forget_after(self.stage.index, self.progress.step)
        self._note(f"continues from {path.name}")

    def _publish(self) -> None:
        """Write the weights files that inference loads."""
        save = self.run.directory.save_weights
        save(self.stage.index, "ema", self.ema.network.state_dict())
        save(self.stage.index, "raw", self.network.state_dict())

    def _stop(self, name: str) -> None:
        message = (
            f"stopped by {name} after step {self.progress.step} of {self.steps} of stage "
            f"{self.stage.index}, all saved; continue with -rd {self.run.directory.path}"
        )
        self._note(message)
        raise StoppedError(name, message)

    def _log(self, meter: Meter) -> dict[str, str]:
        values = meter.read(self.images_per_step)
        step = self.progress.step
        self.run.directory.measure(
            stage=self.stage.index,
            step=step,
            epoch=round(step * self.images_per_step / len(self.run.training), 3),
            lr=groups_of(self.optimizers)[0]["lr"],
            seconds=round(self.progress.seconds, 2),
            **values,
        )
        return {"loss": f"{values['loss']:.4f}", "images/s": f"{values['images_per_s']:.0f}"}

    def _is_due(self, every: int) -> bool:
        return self.progress.step % every == 0 or self.progress.step == self.steps

    def _pictures(self, indices: list[int]) -> ValidationSet:
        """Decode some pictures, leaving out those that turn out to be unreadable."""
        size = self.stage.config.size
        kept, images, left_out = readable_pictures(self.run.source, indices, size)
        for item in left_out:
            self._note(f"left {item.file_name} out of validation: {item.reason}")
        captions = tuple(self.run.source.caption(i) for i in kept)
        text = None if self.run.embed is None or not captions else self.run.embed(captions)
        return ValidationSet(images, text, captions)

    @property
    def _checkpoints(self) -> Path:
        return self.run.directory.checkpoints(self.stage.index)

    def _note_start(self) -> None:
        parameters = sum(p.numel() for p in self.network.parameters())
        self._note(
            f"{self.stage.config.size} px, {parameters:,} parameters, {self.steps} steps of "
            f"{self.images_per_step} images, from step {self.progress.step}"
        )

    def _note(self, line: str) -> None:
        self.run.directory.note(f"stage {self.stage.index}: {line}")
