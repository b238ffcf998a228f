"""The weights files of a training directory or a saved cascade: their names, and reading them."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from minimagen.checkpoint import read_weights, sha256_of
from minimagen.errors import CheckpointError, UsageError
from minimagen.models import UNet
from minimagen.packing import unpacked
from minimagen.text.encoders import ClipConfig, T5Config, TextEncoderConfig, TunedConfig

Weights = Literal["ema", "best", "raw"]
FILES: dict[Weights, str] = {
    "ema": "unet_{}_state.safetensors",
    "best": "unet_{}_best.safetensors",
    "raw": "unet_{}_raw.safetensors",
}
TEXT_FILE = "text_encoder.safetensors"
LENGTH = r"0?\.\d+"
LENGTH_FILE = "unet_{}_ema_{}.safetensors"  # an average of another length, by its sigma_rel


def weights_path(directory: Path, stage: int, weights: str = "ema") -> Path:
    """Return where a training directory keeps a stage's weights.

    Args:
        directory: the training directory.
        stage: which stage.
        weights: ema, best or raw; or ``ema:0.08``, the average of that sigma_rel.

    Raises:
        UsageError: for other weights.
    """
    return directory / "state_dicts" / _file_of(weights).format(stage)


def weights_in(directory: Path, stage: int) -> list[str]:
    """List the weights of a stage whose files are there, as ema, best or ema:0.08."""
    kinds = [kind for kind in FILES if weights_path(directory, stage, kind).is_file()]
    files = sorted((directory / "state_dicts").glob(LENGTH_FILE.format(stage, "*")))
    lengths = (path.stem.removeprefix(f"unet_{stage}_ema_") for path in files)
    return [*kinds, *(f"ema:{length}" for length in lengths if re.fullmatch(LENGTH, length))]


def weights_sha256(directory: Path, stages: Iterable[int], weights: str = "ema") -> str:
    """Hash the weights files of some stages together, in hexadecimal."""
    hashes = (sha256_of(weights_path(directory, stage, weights)) for stage in stages)
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def text_weights_path(directory: Path) -> Path:
    """Return where a training directory keeps a text encoder that learnt with its base stage."""
    return directory / "state_dicts" / TEXT_FILE


def encoder_in(directory: Path, config: TextEncoderConfig) -> TextEncoderConfig:
    """Return the text encoder of a training directory: as configured, or as it was fine-tuned."""
    path = text_weights_path(directory)
    if isinstance(config, T5Config | ClipConfig) and path.is_file():
        return TunedConfig(of=config, weights=str(path))
    return config


def load_weights(network: UNet, path: Path) -> None:
    """Read a weights file into a network, however its numbers are stored.

    Raises:
        CheckpointError: when the file is damaged or belongs to another network.
    """
    try:
        network.load_state_dict(unpacked(read_weights(path)))
    except (RuntimeError, KeyError) as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise CheckpointError(
            f"{path}: made by another network than its parameters say ({reason}); "
            "restore the parameter files it was trained with"
        ) from None


def _file_of(weights: str) -> str:
    """Return the name of a weights file, with a place for the stage."""
    named: dict[str, str] = dict(FILES.items())
    if weights in named:
        return named[weights]
    length = re.fullmatch(f"ema:({LENGTH})", weights)
    if length is None:
        raise UsageError(
            f"--WEIGHTS {weights}: choose one of {', '.join(FILES)}, or ema:SIGMA_REL as ema:0.08"
        )
    return LENGTH_FILE.format("{}", float(length[1]))
