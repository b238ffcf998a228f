"""A released directory being made: built beside its place, hashed, then renamed."""

import io
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from torch import Tensor

from minimagen.cascade import CascadeConfig
from minimagen.checkpoint import beside, sync_directory, write_bytes, write_text, write_weights
from minimagen.config import dump
from minimagen.errors import CheckpointError, TrainingError, UsageError
from minimagen.packing import Dtype, packed
from minimagen.release.card import SAMPLES, card
from minimagen.release.manifest import (
    FILE,
    READ,
    About,
    Release,
    is_release,
    records,
    release_id,
    verify,
)
from minimagen.text.encoders import (
    ClipConfig,
    EnsembleConfig,
    T5Config,
    TextEncoderConfig,
    TunedConfig,
    called,
)
from minimagen.text.locate import BUNDLED
from minimagen.weights import text_weights_path, weights_path


@dataclass(frozen=True)
class Content:
    """What is handed on.

    Args:
        cascade: the parameter files; of the fitted stages alone.
        weights: of each stage's network, by name.
        text: weights of a text encoder that learnt with the base.
        training: ``training_params.json``, where there is one: how to train it again.
        samples: a sheet of what it draws.
        about: for people.
    """

    cascade: CascadeConfig
    weights: Sequence[Mapping[str, Tensor]]
    text: Mapping[str, Tensor] | None = None
    training: str | None = None
    samples: Image.Image | None = None
    about: About = field(default_factory=About)


def write_release(directory: Path, content: Content, dtype: Dtype = "fp32") -> Release:
    """Write a released directory whole or not at all; an older release there is replaced.

    Equal contents give equal bytes, so equal releases have one identity.

    Args:
        directory: where; it may hold a release, or nothing.
        content: what is handed on.
        dtype: how weights are stored.

    Raises:
        UsageError: when something else is there, nothing can be made there, or a weight is beyond
            what the kind can hold.
        TrainingError: when the disk is full; what was there is intact.
    """
    require_room(directory)
    with _in_place_of(directory) as building:
        _write_files(building, content, dtype)
        encoder = content.cascade.imagen.text_encoder
        release = Release(
            dtype=dtype,
            sizes=tuple(stage.size for stage in content.cascade.imagen.stages),
            text_encoder=None if encoder is None else called(encoder),
            about=content.about,
            files=records(building),
        )
        has_samples, lacks = content.samples is not None, lacks_encoder(encoder)
        write_text(building / "README.md", card(release, samples=has_samples, encoder=not lacks))
        write_text(building / FILE, dump(release))
    return release


def require_room(directory: Path) -> None:
    """Check that a release can be put somewhere.

    Raises:
        UsageError: when something else is there.
    """
    if not directory.exists() and not directory.is_symlink():
        return
    if not directory.is_dir():
        raise UsageError(f"--OUTPUT {directory}: is no directory; name one that is to be made")
    if any(directory.iterdir()) and not is_release(directory):
        raise UsageError(
            f"--OUTPUT {directory}: holds something else than a release; name another directory"
        )


def lacks_encoder(config: TextEncoderConfig | None) -> bool:
    """Whether whoever gets a release must have the text encoder from elsewhere."""
    if isinstance(config, EnsembleConfig):
        return any(map(lacks_encoder, config.parts))
    if isinstance(config, TunedConfig):
        return lacks_encoder(config.of)
    return isinstance(config, T5Config | ClipConfig) and config.name not in BUNDLED


def copy_release(source: Path, target: Path) -> None:
    """Copy a release and nothing beside it, whole or not at all; a whole one that is there stays.

    Raises:
        UsageError: when nothing can be made there.
        TrainingError: when the disk is full.
    """
    if _is_copy(source, target):
        return
    with _in_place_of(target) as building:
        try:
            for name in ("README.md", SAMPLES, FILE):
                if (source / name).is_file():
                    shutil.copyfile(source / name, building / name)
            for name in READ:
                shutil.copytree(source / name, building / name)
        except OSError as error:
            raise TrainingError(f"{target}: cannot be written ({error}); make room") from error


def _write_files(building: Path, content: Content, dtype: Dtype) -> None:
    content.cascade.write(building / "parameters")
    if content.training is not None:
        write_text(building / "parameters" / "training_params.json", content.training)
    (building / "state_dicts").mkdir()
    for index, weights in enumerate(content.weights):
        write_weights(weights_path(building, index), packed(weights, dtype))
    if content.text is not None:  # as it is: encoders are sensitive, and read once
        write_weights(text_weights_path(building), content.text)
    if content.samples is not None:
        png = io.BytesIO()
        content.samples.save(png, format="PNG", optimize=True)
        write_bytes(building / SAMPLES, png.getvalue())


def _is_copy(source: Path, target: Path) -> bool:
    try:
        verify(target)
    except CheckpointError:
        return False
    return release_id(source) == release_id(target)


@contextmanager
def _in_place_of(directory: Path) -> Iterator[Path]:
    """Lend a directory beside; in the end it takes the place of what is there."""
    building = beside(directory)
    try:
        building.mkdir(parents=True)
    except OSError as error:
        raise UsageError(
            f"{directory}: no directory can be made there ({error.strerror}); name another"
        ) from None
    try:
        yield building
        _swap(building, directory)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _swap(building: Path, directory: Path) -> None:
    old = beside(directory)
    if directory.exists():
        directory.rename(old)
    building.rename(directory)
    sync_directory(directory.parent)
    shutil.rmtree(old, ignore_errors=True)
