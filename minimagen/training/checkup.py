"""Looking at a stage now and then: its loss on held-out pictures, and pictures it draws."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import Tensor

from minimagen.conditioning import TextEmbedding
from minimagen.data.stream import readable_pictures
from minimagen.runtime import autocast
from minimagen.stage import Stage
from minimagen.training.journal import Journal
from minimagen.training.run import Run
from minimagen.training.samples import sample_grid
from minimagen.training.validation import ValidationSet, validation_loss

SHOWN = 8  # pictures in a sample grid


class Checkup:
    """The pictures that a stage is looked at with, decoded once.

    Args:
        run: what the stages have in common.
        averaged: the stage with its averaged network, which is what is looked at.
        journal: where findings go.
    """

    def __init__(self, run: Run, averaged: Stage, journal: Journal) -> None:
        self.run, self.averaged, self.journal = run, averaged, journal
        self.held_out = self._pictures(run.validation[: run.config.validation_images])
        self.shown = self._pictures((run.validation or run.training)[:SHOWN])
        judged = 0 if run.config.evaluation is None else run.config.evaluation.pictures
        self.judged = self._pictures((run.validation or run.training)[:judged])

    def read_again(self, embed: Callable[[Sequence[str]], TextEmbedding]) -> None:
        """Embed the captions anew: the text encoder has changed."""
        for name in ("held_out", "shown", "judged"):
            pictures: ValidationSet = getattr(self, name)
            if pictures.captions:
                setattr(self, name, replace(pictures, text=embed(pictures.captions)))

    def loss(self, step: int, batch_size: int) -> float | None:
        """Measure the validation loss and write it down, also by noise level.

        Returns:
            The mean; None where there is none, or no number.
        """
        if not len(self.held_out):
            return None
        loss = validation_loss(
            self.averaged,
            self.averaged.network,
            self.held_out,
            seed=self.run.config.seed,
            batch_size=batch_size,
            precision=self.run.precision,
            processes=self.run.processes,
        )
        self.journal.note(f"step {step}: validation loss {loss}")
        number = loss.mean if math.isfinite(loss.mean) else None
        bins = None if number is None else loss.bins
        self.journal.measure(
            step,
            validation_loss=number,
            validation_loss_bins=bins,
            validation_log_snr_edges=loss.edges,
        )
        return number

    def draw(self, step: int) -> None:
        """Draw the sample grid."""
        if not len(self.shown):
            return
        with autocast(self.averaged.device, self.run.precision):
            picture = sample_grid(self.averaged, self.shown, self.run.config.seed)
        self.journal.show(step, picture)

    def evaluate(self, step: int) -> None:
        """Draw and judge, where that is asked for."""
        if self.run.evaluator is None or not len(self.judged):
            return
        found = self.run.evaluator(self.run, self.averaged, self.judged)
        listed = ", ".join(f"{name} {value:.4g}" for name, value in found.items())
        self.journal.note(f"step {step}: {listed}")
        self.journal.measure(step, **found)

    def _pictures(self, indices: list[int]) -> ValidationSet:
        """Decode some pictures, leaving out those that turn out to be unreadable."""
        framing = self.run.framing(self.averaged.index, images_per_step=1)
        kept: list[int] = []
        images: list[Tensor] = []
        for frame, own in framing.by_frame(indices):
            readable, pictures, left_out = readable_pictures(self.run.source, own, frame)
            kept += readable
            images += pictures
            for item in left_out:
                self.journal.note(f"left {item.file_name} out of validation: {item.reason}")
        captions = tuple(self.run.source.captions(i)[0] for i in kept)
        text = None if self.run.embed is None or not captions else self.run.embed(captions)
        return ValidationSet(images, text, captions)
