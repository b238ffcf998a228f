"""Fine-tuning the text encoder together with the base stage.

The encoder reads every caption anew in every step, its weights are averaged as the network's are,
and the averaged ones are what validation, samples, later stages and inference read. There is no
dropout in it: equal draws give equal bytes here too.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import torch
from torch import Tensor, nn

from minimagen.checkpoint import newest_checkpoint, read_manifest, read_weights, write_weights
from minimagen.conditioning import TextEmbedding
from minimagen.errors import CheckpointError, UsageError
from minimagen.stage import Stage
from minimagen.text.cache import embed_captions
from minimagen.text.encoders import load_encoder
from minimagen.text.encoders.transformer import TransformerEncoder
from minimagen.text.encoders.tuned import put_weights, weights_of
from minimagen.training.config import TextTuningConfig, TrainingConfig
from minimagen.training.ema import Averages
from minimagen.training.run import Run
from minimagen.weights import encoder_in, text_weights_path

PREFIX = "text_encoder_"  # of the groups that hold its averages in a checkpoint
BASE = 0  # the stage that it learns with


class TunedEncoder:
    """A text encoder that learns.

    Args:
        encoder: its network is trained in place.
        config: its rate.
        training: which averages are kept.
    """

    def __init__(
        self, encoder: TransformerEncoder, config: TextTuningConfig, training: TrainingConfig
    ) -> None:
        self.rate = config.learning_rate
        self.model: nn.Module = encoder.model.requires_grad_(True)
        self._encoder = encoder
        self._averages = Averages(self.model, training.ema)

    def __call__(self, captions: Sequence[str]) -> TextEmbedding:
        """Embed captions with their gradient; tokens (B, L, D), mask (B, L)."""
        return self._encoder.embed(captions)

    def averaged(self, captions: Sequence[str]) -> TextEmbedding:
        """Embed captions with the averaged weights, as inference will."""
        return self._encoder.with_model(self._averages.network).encode(captions)

    def join(self, optimizer: torch.optim.Optimizer) -> None:
        """Let an optimizer move the weights too, in a group of their own."""
        taken = (place for group in optimizer.param_groups for place in group["places"])
        weights = list(self.model.parameters())
        places = [place for place, _ in zip(count(1 + max(taken)), weights, strict=False)]
        rates = {"lr": self.rate, "peak": self.rate, "weight_decay": 0.0}
        optimizer.add_param_group({"params": weights, "places": places, **rates})

    def follow(self, updates: int) -> None:
        """Move the averages towards the weights."""
        self._averages.update(self.model, updates)

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """Return all that resuming needs, in groups; the optimizer keeps its own."""
        averages = {f"{PREFIX}{name}": own for name, own in self._averages.tensors().items()}
        return {"text_encoder": weights_of(self.model), **averages}

    def load(self, tensors: dict[str, dict[str, Tensor]]) -> None:
        """Put back what :meth:`tensors` returned, among other groups."""
        put_weights(self.model, tensors["text_encoder"])
        own = {name: group for name, group in tensors.items() if name.startswith(PREFIX)}
        self._averages.load({name.removeprefix(PREFIX): group for name, group in own.items()})

    def publish(self, directory: Path) -> None:
        """Write the averaged weights where inference and later stages look for them."""
        write_weights(text_weights_path(directory), weights_of(self._averages.network))


def require_one_process(config: TrainingConfig, processes: int) -> None:
    """Refuse to let the text encoder learn in several processes: its gradient is not shared yet.

    Raises:
        UsageError: when there are several.
    """
    if config.tune_text_encoder is not None and processes > 1:
        raise UsageError(
            f"training.tune_text_encoder: the text encoder learns in one process, not {processes}; "
            "start one, with --ACCUM_ITER for the same images a step, or leave the encoder as it is"
        )


def make_tuned(run: Run, stage: Stage) -> TunedEncoder | None:
    """Load the text encoder where it learns with this stage; None elsewhere."""
    config = run.config.tune_text_encoder
    if config is None or stage.index != BASE:
        return None
    assert run.text_encoder is not None, "checked before the run began"
    encoder = load_encoder(encoder_in(run.directory.path, run.text_encoder), stage.device)
    assert isinstance(encoder, TransformerEncoder), "checked before the run began"
    return TunedEncoder(encoder, config, run.config)


def with_text_for(run: Run, stage: int, device: torch.device) -> Run:
    """Return a run whose captions are embedded as a stage reads them.

    That is by the encoder of the parameter files, or by what the base stage has made of it.

    Raises:
        CheckpointError: when the base stage is still to make something else of it.
    """
    before, tuning = run.text_encoder, run.config.tune_text_encoder is not None
    if before is None or (tuning and stage == BASE):
        return run
    if tuning:
        _require_tuned(run, stage)
    now = encoder_in(run.directory.path, before)
    if now == before:
        return run
    captions = [caption for i in range(len(run.source)) for caption in run.source.captions(i)]
    return replace(run, embed=embed_captions(now, captions, device))


def bring_text_weights(init: Path | None, directory: Path) -> None:
    """Copy the fine-tuned text encoder of the run that another starts from, if it has one."""
    if init is not None and text_weights_path(init).is_file():
        write_weights(text_weights_path(directory), read_weights(text_weights_path(init)))


def _require_tuned(run: Run, stage: int) -> None:
    newest, _ = newest_checkpoint(run.directory.checkpoints(BASE))
    done = 0 if newest is None else read_manifest(newest).step
    steps = run.config.length_in_steps(BASE, len(run.training), run.processes.count)
    if done < steps:
        raise CheckpointError(
            f"--STAGES {stage}: reads what stage {BASE} makes of the text encoder, and that is "
            f"after step {done} of {steps}; fit stage {BASE} to its end first"
        )
