"""``training_params.json``: how long, on what, and with which optimizer."""

import json
import math
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, model_validator

from minimagen.config import config, find_parameters, parse, read_json
from minimagen.data.sources import DataConfig
from minimagen.errors import ConfigError
from minimagen.runtime import Precision, Sharding
from minimagen.training.ema import DecayConfig, EMAConfig

T = TypeVar("T", int, float)
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Tracker = Literal["tensorboard", "wandb"]
RateKind = Literal["constant", "linear", "cosine", "wsd"]


@config
class AdamWConfig:
    """AdamW and its rate.  Loshchilov & Hutter 2017 (arXiv:1711.05101).

    Args:
        learning_rate: the peak; one value, or one for each stage.
        betas: decay of both moments.
        weight_decay: decoupled; of matrices and convolutions alone.
        clip: largest norm of the gradient.
        rate: how the rate falls, see ``rates``.
        warmup_steps: the rate rises linearly over these.
        decay_share: the rate falls over this last share of the steps; None is 0.2 for ``linear``
            and ``wsd``, 1 for ``cosine`` and 0 for ``constant``.
    """

    kind: Literal["adamw"] = "adamw"
    learning_rate: Positive | tuple[Positive, ...] = 1e-3
    betas: tuple[Share, Share] = (0.9, 0.99)
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Positive = 1.0
    rate: RateKind = "linear"
    warmup_steps: Annotated[int, Field(ge=0)] = 100
    decay_share: Share | None = None

    @model_validator(mode="after")
    def _constant_falls_not(self) -> "AdamWConfig":
        if self.rate == "constant" and self.decay_share:
            raise ValueError(
                f"decay_share {self.decay_share} means nothing with the rate 'constant', "
                "which never falls; make it 0"
            )
        return self


@config
class AdamW8bitConfig(AdamWConfig):
    """AdamW with both moments in 8 bits: a quarter of their memory.  arXiv:2110.02861.

    It needs the package ``bitsandbytes``.
    """

    kind: Literal["adamw8bit"] = "adamw8bit"  # type: ignore[assignment]


@config
class ScheduleFreeConfig(AdamWConfig):
    """Schedule-free AdamW: the length need not be known.  Defazio et al. 2024 (arXiv:2405.15682).

    Averages, and so validation and samples, follow its own averaged weights.
    """

    kind: Literal["schedule_free"] = "schedule_free"  # type: ignore[assignment]
    rate: Literal["constant"] = "constant"


@config
class MuonConfig(AdamWConfig):
    """Muon for the hidden matrices, AdamW for everything else.  Jordan et al. 2024.

    Args:
        matrix_rate: Muon's rate as a multiple of ``learning_rate``.
        rest_rate: AdamW's, for all that Muon does not take; one value, or one for each stage. A
            super-resolution network is nearly right when it is fresh: what its first and last
            layers learn fast does harm first.
        momentum: Muon's decay of the averaged gradient.
    """

    kind: Literal["muon"] = "muon"  # type: ignore[assignment]
    matrix_rate: Positive = 2.0
    rest_rate: Positive | tuple[Positive, ...] = 1.0
    momentum: Share = 0.95


OptimizerConfig = Annotated[
    AdamWConfig | AdamW8bitConfig | ScheduleFreeConfig | MuonConfig, Field(discriminator="kind")
]


@config
class TextTuningConfig:
    """The text encoder goes on learning with the base stage.

    Args:
        learning_rate: its peak rate, which falls as the network's does; there is no weight decay.
    """

    learning_rate: Positive = 1e-5


@config
class EvaluationConfig:
    """Pictures that are drawn and judged at every checkpoint; docs/how-to/evaluate.md.

    Args:
        pictures: how many, of validation captions; at most as many as there are.
        real: pictures of the training split that they are compared with, at most.
        features: what sees likeness, as ``evaluate --FEATURES`` takes it.
        steps: of the sampler; None is the stage's own.
    """

    pictures: Annotated[int, Field(ge=6)] = 32
    real: Annotated[int, Field(ge=6)] = 500
    features: Annotated[str, Field(min_length=1)] = "tiny"
    steps: Count | None = None


@config
class TrainingConfig:
    """One run.

    Args:
        about: what it is, for people.
        expect: what was measured, where; for people.
        images: length of each stage in images; one value, or one for each stage.
        epochs: length in passes over the training split; takes the place of ``images``.
        batch_size: images of one batch and process; one value, or one for each stage.
        accumulate: batches of one optimizer step.
        optimizer: which, and its rate.
        tune_text_encoder: how the text encoder learns with the base stage; None leaves it as it is.
        ema: which averages of the weights are kept.
        data: what to train on.
        train_fraction: share of the data used for training; the rest validates.
        validation_images: how many images validate, at most.
        checkpoint_every: batches between checkpoints, validations and sample grids.
        evaluation: what is drawn and judged at checkpoints besides; None is nothing. It changes
            nothing of what is learnt.
        log_every: optimizer steps between two lines of ``metrics.jsonl``.
        trackers: where measurements and sample grids go besides the training directory's own files.
        plot: keep ``run.png``, a picture of the run, where matplotlib is installed.
        max_skipped: a step whose loss or gradient is no number is skipped; so many of them in a
            row end the run.
        precision: None is bf16 on a GPU that has it.
        sharding: ``full`` divides weights, averages and optimizer among all processes, for networks
            that one device cannot hold; ``none`` gives all of them to each.
        compile: compile the blocks of a network before the first step.
        deterministic: use deterministic kernels on a GPU, so that resuming is exact there too.
        seed: every random draw of the run follows from it.
    """

    about: str = ""
    expect: str = ""
    images: Count | tuple[Count, ...] = 100_000
    epochs: Count | None = None
    batch_size: Count | tuple[Count, ...] = 16
    accumulate: Count = 1
    optimizer: OptimizerConfig = field(default_factory=AdamWConfig)
    tune_text_encoder: TextTuningConfig | None = None
    ema: EMAConfig = field(default_factory=DecayConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train_fraction: Annotated[float, Field(gt=0, le=1)] = 0.9
    validation_images: Annotated[int, Field(ge=0)] = 256
    checkpoint_every: Count = 500
    evaluation: EvaluationConfig | None = None
    log_every: Count = 50
    trackers: tuple[Tracker, ...] = ()
    plot: bool = True
    max_skipped: Count = 3
    precision: Precision | None = None
    sharding: Sharding = "none"
    compile: bool = False
    deterministic: bool = False
    seed: int = 0

    @model_validator(mode="after")
    def _only_adamw_is_sharded(self) -> "TrainingConfig":
        if self.sharding == "full" and self.optimizer.kind != "adamw":
            raise ValueError(
                f"sharding 'full' divides the optimizer adamw alone, and kind is "
                f"{self.optimizer.kind!r}; choose adamw, or sharding 'none'"
            )
        if self.sharding == "full" and self.precision == "fp16":
            raise ValueError("sharding 'full' does not go with precision 'fp16'; choose 'bf16'")
        return self

    @classmethod
    def read(cls, directory: Path) -> "TrainingConfig":
        """Read ``training_params.json`` of a parameter directory.

        Raises:
            ConfigError: for a missing file, an unknown key or an impossible value.
        """
        path = find_parameters(directory, "training_params")
        return parse(cls, _renamed(read_json(path)), str(path))

    def images_per_step(self, stage: int, processes: int = 1) -> int:
        """Return how many images one optimizer step sees, in all processes."""
        return of_stage(self.batch_size, stage) * self.accumulate * processes

    def length_in_images(self, stage: int, training_images: int) -> int:
        """Return how many images a stage sees."""
        if self.epochs is None:
            return of_stage(self.images, stage)
        return self.epochs * training_images

    def length_in_steps(self, stage: int, training_images: int, processes: int = 1) -> int:
        """Return how many optimizer steps a stage takes."""
        images = self.length_in_images(stage, training_images)
        return math.ceil(images / self.images_per_step(stage, processes))


def _renamed(text: str) -> str:
    """Read the name that the first version had for an average: ``ema_decay``."""
    try:
        values = json.loads(text)
    except ValueError:
        return text  # parse tells what is wrong
    if not isinstance(values, dict) or "ema_decay" not in values:
        return text
    return json.dumps({"ema": {"kind": "decay", "decay": values.pop("ema_decay")}, **values})


def of_stage(value: T | tuple[T, ...], stage: int) -> T:
    """Return the value for a stage of one value for all, or one for each.

    Raises:
        ConfigError: when there are too few.
    """
    if not isinstance(value, tuple):
        return value
    if stage >= len(value):
        raise ConfigError(
            f"training_params.json: {list(value)} has no value for stage {stage}; "
            "give one value, or one for each stage"
        )
    return value[stage]
