"""Fitting one stage: the loop, from the newest checkpoint to the last step."""

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path

from torch import Tensor, nn

from minimagen.checkpoint import newest_checkpoint, read_checkpoint
from minimagen.data.items import Rejection
from minimagen.data.stream import Batch, batches, consecutive
from minimagen.errors import CheckpointError, NoValidCheckpointError, TrainingError
from minimagen.stage import Stage
from minimagen.training.agreement import agreed
from minimagen.training.bar import postfix, progress_bar
from minimagen.training.checkup import Checkup
from minimagen.training.draws import shown_log_snr
from minimagen.training.environment import Environment
from minimagen.training.footprint import memory_used
from minimagen.training.journal import Journal
from minimagen.training.learner import Gradient, Learner
from minimagen.training.memory import memory_explained
from minimagen.training.meter import Meter
from minimagen.training.outlook import Outlook
from minimagen.training.progress import Progress
from minimagen.training.rates import rate_factor
from minimagen.training.run import Run
from minimagen.training.signals import StoppedError, Stopper
from minimagen.training.skipping import write_down
from minimagen.training.snapshots import snapshot_steps
from minimagen.weights import Weights, weights_path


class Fit:
    """One stage being fitted.

    Args:
        run: what the stages have in common.
        stage: the stage; its network is trained in place.
        stopper: tells when to stop.
    """

    def __init__(self, run: Run, stage: Stage, stopper: Stopper) -> None:
        config, processes = run.config, run.processes
        self.run, self.stage, self.stopper = run, stage, stopper
        self.learner = Learner(run, stage)
        self.journal = Journal.of(run, stage.index)
        self.checkup = Checkup(run, self.learner.averaged, self.journal)
        self.steps = config.length_in_steps(stage.index, len(run.training), processes.count)
        self.checkpoint_steps = max(1, config.checkpoint_every // config.accumulate)
        self.snapshot_steps = snapshot_steps(config.ema, self.steps)
        self.progress, self.meter = Progress(), Meter()
        self.environment = Environment.here(processes)
        self.signal: str | None = None  # that came to any process by the last step

    def fit(self) -> None:
        """Train to the last step, saving on the way; resumes from the newest checkpoint.

        Raises:
            LockedError: when another process fits this stage.
            StoppedError: when a signal came; everything is saved.
            TrainingError: when too many steps in a row give no number, or memory or disk run out.
        """
        with self.run.directory.lock(self.stage.index), closing(self.journal):
            self.run.directory.sweep(self.stage.index)
            self._restore()
            self._note_start()
            if self.progress.step < self.steps:
                self._loop()
            else:
                self._publish()  # killed before it wrote them, or they were lost since
        self.journal.note(f"finished after {self.progress.step} steps{self._skipped()}")

    def _loop(self) -> None:
        stream = self.meter.waiting(self.stream())
        began = time.monotonic() - self.progress.seconds
        self.outlook = Outlook(self.run, self.stage.index, self.progress.step, self.steps)
        with progress_bar(self.stage.index, self.progress.step, self.steps) as bar:
            while self.progress.step < self.steps:
                with memory_explained(self._place(), self.learner.batch_size, self._parts):
                    with self.meter.stepping():
                        self.step(islice(stream, self._parts))
                    self.progress.seconds = time.monotonic() - began
                    bar.update()
                    if self._is_due(self.run.config.log_every) and self.meter.losses:
                        bar.set_postfix(self._log())
                    self._keep()

    def step(self, micro_batches: Iterable[Batch]) -> None:
        """Take one optimizer step, or skip it when its loss or gradient is no number."""
        own = self.learner.gradient(micro_batches)
        gradient, self.signal = agreed(self.run.processes, own, self.stopper.name)
        if gradient.is_finite():
            factor = rate_factor(self.progress.step, self.steps, self.run.config.optimizer)
            self.learner.update(factor, self.progress.updates)
            self.meter.add(gradient)
            self.progress.take()
        elif self.learner.overflowed(gradient):
            self._scale_down()
        else:
            self.learner.forget_gradient()
            self.progress.skip()
            self._tell_of_skip(gradient)

    def _scale_down(self) -> None:
        """Skip a step whose gradient is too large for fp16 only as it was scaled."""
        before = self.learner.scaler.get_scale()
        self.learner.forget_gradient()
        self.progress.skip(counts=False)
        self.journal.note(
            f"skipped step {self.progress.step}: its gradient is too large for fp16 at loss scale "
            f"{before:g}, which is {self.learner.scaler.get_scale():g} from here on"
        )

    def _tell_of_skip(self, gradient: Gradient) -> None:
        """Write a skipped step down; end the run when it is one too many."""
        step, in_a_row = self.progress.step, self.progress.skipped_in_a_row
        what = write_down(self.run, self.stage, step, gradient, self.journal)
        if in_a_row < self.run.config.max_skipped:
            return
        message = (
            f"{self._place()}: too many steps whose loss or gradient is no number, {in_a_row} in a "
            f"row, the last with {what}; "
            "they changed nothing, and the last checkpoint is intact. Start again with a lower "
            "--OPTIM_LR, or look at the images named; to pass over more of them, continue with "
            f"-rd {self.run.directory.path} --SET training.max_skipped={2 * in_a_row}"
        )
        self.journal.note(message)
        raise TrainingError(message)

    def _keep(self) -> None:
        """Save when that is due or the run is asked to stop; it stops only where it has saved."""
        due = self._is_due(self.checkpoint_steps)
        if due:
            self.check()
        if self._is_due(self.snapshot_steps):
            self.take_snapshots()  # first: from this step's checkpoint on they are not taken again
        if due or self._asked is not None:
            self.save()
            if self._asked is not None:
                self._stop(self._asked)

    @property
    def _asked(self) -> str | None:
        """The signal to stop at; one process on its own need not wait until others know of it."""
        return self.stopper.name if self.run.processes.count == 1 else self.signal

    def check(self) -> None:
        """Measure the validation loss, keep the best weights, draw the sample grid, judge."""
        step, best = self.progress.step, self.progress.best_loss
        if self.learner.text is not None:
            self.checkup.read_again(self.learner.text.averaged)
        loss = self.checkup.loss(step, self.learner.batch_size)
        if loss is not None and (best is None or loss < best):
            self.progress.best_loss = loss
            self._save_weights("best", self.learner.ema.network)
        self.checkup.draw(step)
        self.checkup.evaluate(step)

    def take_snapshots(self) -> None:
        """Write the averages of which others can be made after training."""
        averages = self.learner.ema.by_sigma_rel.items()
        whole = {length: self._whole(network) for length, network in averages}
        step, updates = self.progress.step, self.progress.updates
        self.run.directory.save_snapshots(self.stage.index, whole, step, updates)

    def save(self) -> None:
        """Write a checkpoint, then the weights files."""
        state = vars(self.progress) | {"environment": vars(self.environment)}
        tensors = self.learner.tensors()
        self.run.directory.save_checkpoint(self.stage.index, self.progress.step, tensors, state)
        self._publish()

    def _restore(self) -> None:
        find = partial(newest_checkpoint, self._checkpoints)
        path, skipped = self.run.processes.from_first(find)
        for complaint in skipped:
            self.journal.note(f"skipped a damaged checkpoint: {complaint}")
        if path is None:
            self._require_no_weights()
        else:
            self._continue_from(path)
        self.journal.forget_after(self.progress.step)

    def _require_no_weights(self) -> None:
        """Refuse to begin where a checkpoint was: it would overwrite what came of it."""
        weights = weights_path(self.run.directory.path, self.stage.index)
        if weights.exists():
            raise NoValidCheckpointError(
                f"{weights}: is there, but no checkpoint in {self._checkpoints}; bring one back "
                f"from a copy, start a new run with -id {self.run.directory.path}, or move the "
                "file away to begin this stage again"
            )

    def _continue_from(self, path: Path) -> None:
        saved = read_checkpoint(path)
        changes = self.environment.changes_since(saved.state.pop("environment", {}))
        try:
            self.learner.load(saved.tensors)
            self.progress = Progress(**saved.state)
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{path}: does not fit the run's parameter files ({_gist(error)}); restore those "
                "it was trained with, and the version of minimagen"
            ) from error
        self.journal.note(f"continues from {path.name}")
        if changes:
            self.journal.note(f"{', '.join(changes)}: results may differ in their last digits")

    def _publish(self) -> None:
        """Write the weights files that inference loads."""
        self._save_weights("ema", self.learner.ema.network)
        self._save_weights("raw", self.learner.network)
        if self.learner.text is not None:
            self.learner.text.publish(self.run.directory.path)

    def _save_weights(self, weights: Weights, network: nn.Module) -> None:
        self.run.directory.save_weights(self.stage.index, weights, self._whole(network))

    def _whole(self, network: nn.Module) -> dict[str, Tensor]:
        return self.run.processes.whole(network.state_dict())

    def _stop(self, name: str) -> None:
        message = (
            f"stopped by {name} after step {self.progress.step} of {self.steps} of stage "
            f"{self.stage.index}, all saved; continue with -rd {self.run.directory.path}"
        )
        self.journal.note(message)
        self.run.processes.wait()  # a launcher would end the first, still saving, for one that left
        raise StoppedError(name, message)

    def _log(self) -> dict[str, str]:
        """Write down the averages since the last line; returns what the bar shows."""
        step, images = self.progress.step, self.learner.images_per_step
        values = self.meter.read(partial(shown_log_snr, self.stage, images, self.run.config.seed))
        self.journal.measure(
            step,
            epoch=round(step * images / len(self.run.training), 3),
            lr=self.learner.rate,
            seconds=round(self.progress.seconds, 2),
            **values,
            **memory_used(self.stage.device),
            **self.outlook.seconds_left(step),
        )
        return postfix(values)

    def stream(self) -> Iterator[Batch]:
        """Serve the batches from the next step on, without end."""
        run = self.run
        return batches(
            run.source,
            run.training,
            size=run.framing(self.stage.index, self.learner.images_per_step),
            plan=self._plan(),
            seed=run.config.seed,
            stage=self.stage.index,
            workers=run.workers,
            cache_gb=run.config.data.cache_gb,
            on_reject=self._note_replaced,
        )

    def _note_replaced(self, item: Rejection) -> None:
        self.journal.note_own(f"replaced {item.file_name}: {item.reason}")

    def _plan(self) -> Iterator[range]:
        """Return the sample numbers of this process's batches: processes take turns."""
        rank, count = self.run.processes.rank, self.run.processes.count
        first = self.progress.step * self._parts * count + rank
        return consecutive(self.learner.batch_size, first, every=count)

    def _note_start(self) -> None:
        parameters = sum(p.numel() for p in self.learner.network.parameters())
        self.journal.note(
            f"{self.stage.config.size} px, {parameters:,} parameters, {self.steps} steps of "
            f"{self.learner.images_per_step} images, from step {self.progress.step}"
        )

    def _place(self) -> str:
        return f"stage {self.stage.index}, after step {self.progress.step}"

    def _skipped(self) -> str:
        return f", {self.progress.skipped} of them skipped" if self.progress.skipped else ""

    def _is_due(self, every: int) -> bool:
        return self.progress.step % every == 0 or self.progress.step == self.steps

    @property
    def _parts(self) -> int:
        """Batches of one optimizer step."""
        return self.run.config.accumulate

    @property
    def _checkpoints(self) -> Path:
        return self.run.directory.checkpoints(self.stage.index)


def _gist(error: Exception) -> str:
    """Return one line of a message: torch's first only names the class, the next the trouble."""
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[:2][-1].strip()
