"""Which sinks a stage has, and whether what they need is installed."""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib.util import find_spec

from tqdm import tqdm

from minimagen.config import to_plain
from minimagen.errors import ConfigError, TrainingError
from minimagen.training.config import Tracker, TrainingConfig
from minimagen.training.directory import TrainingDirectory
from minimagen.training.records.flat import flattened
from minimagen.training.records.jsonl import OwnFiles
from minimagen.training.records.run_picture import RunPicture
from minimagen.training.records.sink import Guarded, Sink
from minimagen.training.records.tensorboard import TensorBoard
from minimagen.training.records.wandb import WeightsAndBiases

INSTALL = {"tensorboard": "pip install 'minimagen[track]'", "wandb": "pip install wandb"}


def require_trackers(trackers: tuple[Tracker, ...]) -> None:
    """Check that the packages of trackers are installed, before a run makes anything.

    Raises:
        ConfigError: when one is missing.
    """
    for name in trackers:
        if find_spec(name) is None:
            raise ConfigError(
                f"training.trackers: {name} is not installed; {INSTALL[name]}, or leave it out"
            )


def sinks_of(directory: TrainingDirectory, config: TrainingConfig, stage: int) -> tuple[Sink, ...]:
    """Return where a stage's measurements and pictures go; nothing is opened yet."""
    say = partial(_say, directory, stage)
    return tuple(Guarded(sink, name, say) for name, sink in _named(directory, config, stage))


def _named(
    directory: TrainingDirectory, config: TrainingConfig, stage: int
) -> Iterator[tuple[str, Sink]]:
    yield "metrics.jsonl", OwnFiles(directory, stage)  # first: run.png is drawn from it
    if config.plot and find_spec("matplotlib") is not None:
        yield "run.png", RunPicture(directory)
    if not config.trackers:
        return
    makers: dict[str, Callable[[dict[str, str]], Sink]] = {
        "tensorboard": partial(TensorBoard, directory.path / "tensorboard" / f"stage_{stage}"),
        "wandb": partial(WeightsAndBiases, directory.path, stage),
    }
    configuration = _configuration(directory)
    for name in config.trackers:
        yield name, makers[name](configuration)


def _configuration(directory: TrainingDirectory) -> dict[str, str]:
    cascade, training = directory.configuration()
    unets = {f"unet_{i}": to_plain(unet) for i, unet in enumerate(cascade.unets)}
    imagen = to_plain(cascade.imagen)
    return flattened({"imagen": imagen, **unets, "training": to_plain(training)})


def _say(directory: TrainingDirectory, stage: int, line: str) -> None:
    tqdm.write(f"stage {stage}: {line}", file=sys.stderr)
    with suppress(TrainingError):  # a full disk may be what is told about
        directory.note(f"stage {stage}: {line}")
