"""What ``inference.py`` is asked for: by flags, by earlier images, by unfinished ones."""

import argparse
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from minimagen.cli.average import prepare_weights
from minimagen.cli.editing import read_edit
from minimagen.cli.prompting import Drawn, read_captions, read_prompts
from minimagen.drawing.batches import Batch, batches_of, fitting_size
from minimagen.drawing.directory import GeneratedImages
from minimagen.drawing.edits import names_of
from minimagen.drawing.inputs import Inputs
from minimagen.drawing.settings import ImageRecord, Settings, difference, read_settings
from minimagen.errors import CheckpointError, UsageError
from minimagen.imagen import Imagen
from minimagen.release.finding import bundled_model, find_model
from minimagen.release.manifest import titled
from minimagen.runtime import Processes
from minimagen.training.config import TrainingConfig

T = TypeVar("T")


@dataclass(frozen=True)
class Order:
    """What is asked for.

    Args:
        settings: how; what is None is left to the cascade.
        inputs: pictures and masks of an edit.
        directory: the training directory, where it is now.
        resumed: the directory that is to be completed, if there is one.
        output: where a new one is made.
    """

    settings: Settings
    inputs: Inputs
    directory: Path
    resumed: GeneratedImages | None = None
    output: Path = Path()

    @property
    def device(self) -> str | None:
        """The kind of device of the earlier run; None for a new one."""
        device = self.settings.device
        return None if device is None else device.partition(":")[0]


def read_order(options: argparse.Namespace) -> Order:
    """Settle what a command line asks for, before anything is loaded.

    Raises:
        UsageError: for flags that mean nothing together.
        DataError: for files that cannot be read, or hold something else.
        CheckpointError: when there is no training directory.
    """
    if options.resume is not None:
        _refuse_beside(options, "resume", {"training_directory", "device"})
        resumed = GeneratedImages.open(options.resume)
        return _earlier(options, resumed.settings, resumed.path, resumed)
    if options.repeat is not None:
        _refuse_beside(options, "repeat", {"training_directory", "device", "output"})
        return _earlier(options, read_settings(options.repeat), options.repeat.parent, None)
    directory = choose_directory(options.training_directory)
    drawn = read_prompts(read_captions(options.captions), options)
    edit, inputs = read_edit(options)
    settings = Settings(
        training_directory=str(directory),
        weights=options.weights or "ema",
        sizes=None if options.img_side_len is None else (options.img_side_len,),
        aspect_ratio=options.aspect_ratio or 1.0,
        seed=options.seed or 0,
        sampler=_listed(options.sampler),
        steps=_listed(options.steps),
        guidance_scale=_listed(options.guidance_scale),
        negative_caption=options.negative_caption,
        images_per_caption=options.images_per_caption or 1,
        batch_size=options.batch_size,
        precision=options.precision,
        literal=bool(options.literal),
        style=options.style,
        expand=options.expand or "all",
        windows=options.windows or 1,
        tile=options.tile,
        one_at_a_time=bool(options.one_at_a_time),
        compile=bool(options.compile),
        edit=edit,
        prompts=_records(drawn, options),
    )
    return Order(settings, inputs, directory, output=options.output or Path())


def choose_directory(given: Path | None) -> Path:
    """Return the model asked for, the newest training directory here, or the bundled model.

    Args:
        given: as :func:`find_model` takes it; None is not given.

    Raises:
        CheckpointError: when there is none.
    """
    if given is not None:
        found = find_model(str(given))
        if found != given:
            print(f"{given} is {found}")
        return found
    here = [path for path in Path().glob("training_*") if path.is_dir()]
    bundled = bundled_model()
    if not here and bundled is not None:
        print(f"no -d given and no training_* here: using the bundled {titled(bundled)}")
        return bundled
    if not here:
        raise CheckpointError("no training_* directory here; train one with train.py, or give -d")
    newest = max(here, key=lambda path: path.stat().st_mtime)
    print(f"no -d given: using {newest}, the newest training directory here")
    return newest


def load_cascade(order: Order, processes: Processes) -> Imagen:
    """Load the cascade of an order, and say what is unusual about it.

    Raises:
        CheckpointError: when there is none, or it is damaged.
        UsageError: for weights that cannot be had.
    """
    settings, directory = order.settings, order.directory
    processes.from_first(lambda: prepare_weights(directory, settings.weights))
    imagen = Imagen.load(
        directory,
        str(processes.device),
        weights=settings.weights,
        precision=settings.precision,
        one_at_a_time=settings.one_at_a_time,
    ).with_windows(settings.windows)
    if settings.compile:
        imagen = imagen.compiled()
    planned, fitted = len(imagen.config.imagen.stages), len(imagen.stages)
    if fitted < planned:
        size = imagen.stages[-1].config.size
        print(f"only {fitted} of {planned} stages are fitted: drawing at {size} px")
    _tell_untrained(imagen, directory, settings.aspect_ratio)
    return imagen


def open_output(
    order: Order, settings: Settings, processes: Processes
) -> tuple[GeneratedImages, list[Batch]]:
    """Make the directory of the images, or open it again.

    Args:
        order: what is asked for.
        settings: with nothing left open.
        processes: that draw.

    Returns:
        The directory, and of what is missing in it the batches that this process draws.

    Raises:
        UsageError: when nothing can be made there.
    """
    share = -(-settings.count // processes.count)
    size = settings.batch_size or fitting_size(share, processes.device)
    batches = settings.batches or batches_of(settings.count, size)
    settings = replace(settings, batch_size=size, batches=tuple(batches))

    def opened() -> tuple[GeneratedImages, list[Batch]]:
        if order.resumed is None:
            output = GeneratedImages.create(order.output, settings, order.inputs)
        else:
            output = order.resumed
            output.sweep()
        return output, output.missing()

    output, missing = processes.from_first(opened)
    return output, missing[processes.rank :: processes.count]


@contextmanager
def kept(output: GeneratedImages) -> Iterator[None]:
    """Say how to go on when a drawing ends before its time, whatever the reason."""
    try:
        yield
    except BaseException:
        print(f"what is drawn is kept; the rest comes with --RESUME {output.path}")
        raise


def tell_difference(order: Order, now: Settings) -> None:
    """Say what may make repeated images others by a rounding."""
    if differing := difference(order.settings, now):
        print(f"may differ from the earlier images by a rounding: {', '.join(differing)}")


def _earlier(
    options: argparse.Namespace, settings: Settings, where: Path, resumed: GeneratedImages | None
) -> Order:
    """Return what an earlier run was asked for; ``where`` is its directory."""
    before, given = Path(settings.training_directory), options.training_directory
    beside = where.parent / before.name
    directory = beside if not before.is_dir() and beside.is_dir() else before
    if given is not None:
        directory = find_model(str(given))
        settings = replace(settings, training_directory=str(directory))
    inputs = Inputs.read(where, names_of(settings.edit))
    return Order(settings, inputs, directory, resumed, options.output or Path())


def _refuse_beside(options: argparse.Namespace, flag: str, allowed: Collection[str]) -> None:
    for name, value in vars(options).items():
        if value is not None and name != flag and name not in allowed:
            raise UsageError(
                f"--{name.upper()}: means nothing with --{flag.upper()}, which takes everything "
                "from the earlier run; leave it out"
            )


def _records(drawn: list[Drawn], options: argparse.Namespace) -> tuple[ImageRecord, ...]:
    """Return what each image is drawn from; each amount of a caption has the same draws."""
    amounts = options.amount
    if amounts is None or len(amounts) == 1:
        amount = None if amounts is None else amounts[0]
        return tuple(one.record(amount=amount) for one in drawn)
    return tuple(one.record(place, amount) for place, one in enumerate(drawn) for amount in amounts)


def _listed(values: list[T] | None) -> tuple[T, ...] | None:
    return None if values is None else tuple(values)


def _tell_untrained(imagen: Imagen, directory: Path, ratio: float) -> None:
    """Say so when a cascade was trained on other aspect ratios than the one asked for."""
    if not (directory / "parameters" / "training_params.json").is_file():
        return  # a cascade on its own does not say what it was trained on
    trained = TrainingConfig.read(directory / "parameters").data.aspect_ratios
    if imagen.config.sides(ratio) not in [imagen.config.sides(known) for known in trained]:
        listed = ", ".join(f"{known:g}" for known in trained)
        print(f"aspect ratio {ratio:g}: was not trained, only {listed}; it may look bad")
