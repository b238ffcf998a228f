"""What ``inference.py`` reads and leaves behind: captions, ``generated_images_<TIMESTAMP>``."""

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from minimagen.checkpoint import sha256_of, write_text
from minimagen.cli.prompting import Drawn
from minimagen.errors import CheckpointError, DataError, UsageError
from minimagen.grid import captioned_grid
from minimagen.imagen import Imagen, StagePlan
from minimagen.text.prompts import Prompt
from minimagen.training.config import TrainingConfig
from minimagen.weights import weights_path

BUILT_IN_CAPTION = "a large red circle"
FIELDS = ("seed", "aspect_ratio", "sampler", "steps", "guidance_scale", "weights_sha256")


def choose_directory(given: Path | None) -> Path:
    """Return the training directory asked for, or the newest one here.

    Raises:
        CheckpointError: when there is none.
    """
    if given is not None:
        return given
    here = [path for path in Path().glob("training_*") if path.is_dir()]
    if not here:
        raise CheckpointError("no training_* directory here; train one with train.py, or give -d")
    newest = max(here, key=lambda path: path.stat().st_mtime)
    print(f"no -d given: using {newest}, the newest training directory here")
    return newest


def read_captions(given: str | None) -> list[str]:
    """Return the captions as they are written: from a ``.txt`` file, one a line, or as given.

    Raises:
        DataError: when the file is missing, empty or no UTF-8 text.
    """
    if given is None:
        print(f'no -c given: drawing "{BUILT_IN_CAPTION}"')
        given = BUILT_IN_CAPTION
    return _read_lines(Path(given)) if given.lower().endswith(".txt") else [given]


def _read_lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"--CAPTIONS {path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"--CAPTIONS {path}: no UTF-8 text at byte {error.start}; convert it"
        ) from None
    captions = [line.strip() for line in text.splitlines() if line.strip()]
    if not captions:
        raise DataError(f"--CAPTIONS {path}: holds no caption; write one a line")
    return captions


@dataclass(frozen=True)
class GeneratedImages:
    """A ``generated_images_<TIMESTAMP>`` directory being filled.

    Args:
        path: the directory.
        captions: the caption of each image.
        settings: everything needed to draw them again.
    """

    path: Path
    captions: list[str]
    settings: dict[str, Any]

    @classmethod
    def create(
        cls, output: Path, captions: list[str], settings: dict[str, Any]
    ) -> "GeneratedImages":
        """Make the directory and write what is known before the first image.

        Raises:
            UsageError: when nothing can be made there.
        """
        path = _make_new(output, f"generated_images_{time.strftime('%Y%m%d_%H%M%S')}")
        lines = "".join(f"{_writable(caption)}\n" for caption in captions)
        write_text(path / "captions.txt", lines)
        write_text(path / "imagen_training_directory.txt", f"{settings['training_directory']}\n")
        write_text(path / "settings.json", json.dumps(settings, indent=2) + "\n")
        (path / "generated_images").mkdir()
        return cls(path, captions, settings)

    def image_path(self, number: int) -> Path:
        """Return where an image goes."""
        return self.path / "generated_images" / f"image_{number}.png"

    def save(self, pictures: Sequence[Image.Image], first_number: int) -> None:
        """Write images, each with how it was made in the PNG's text fields."""
        for number, picture in enumerate(pictures, first_number):
            picture.save(self.image_path(number), pnginfo=self._fields(number))

    def finish(self) -> None:
        """Write ``grid.png``."""
        pictures = [(Image.open(self.image_path(i)),) for i in range(len(self.captions))]
        captioned_grid(pictures, self.captions).save(self.path / "grid.png")

    def _fields(self, number: int) -> PngInfo:
        fields = PngInfo()
        fields.add_itxt("caption", _writable(self.captions[number]))
        fields.add_text("image", str(number))
        for name in FIELDS:
            fields.add_text(name, json.dumps(self.settings[name]))
        drawn = self.settings["prompts"][number]
        for name in ("given", "expanded"):
            fields.add_itxt(name, _writable(drawn[name]))
        fields.add_text("weights", json.dumps(drawn["weights"]))
        return fields


def tell_untrained(imagen: Imagen, directory: Path, ratio: float) -> None:
    """Say so when a cascade was trained on other aspect ratios than the one asked for."""
    if not (directory / "parameters" / "training_params.json").is_file():
        return  # a cascade on its own does not say what it was trained on
    trained = TrainingConfig.read(directory / "parameters").data.aspect_ratios
    if imagen.config.sides(ratio) not in [imagen.config.sides(known) for known in trained]:
        listed = ", ".join(f"{known:g}" for known in trained)
        print(f"aspect ratio {ratio:g}: was not trained, only {listed}; it may look bad")


def check_captions(imagen: Imagen, prompts: Sequence[Prompt | None], batch_size: int) -> None:
    """Embed each caption once before anything is made.

    One that is no label, or a text encoder that is missing, ends the run with nothing left behind.

    Raises:
        UsageError: for a caption that the text encoder refuses.
        ConfigError: when the text encoder cannot be loaded.
    """
    distinct = [prompt for prompt in dict.fromkeys(prompts) if prompt is not None]
    for start in range(0, len(distinct), batch_size):
        imagen.encode(distinct[start : start + batch_size])


def settings_of(
    options: argparse.Namespace,
    imagen: Imagen,
    directory: Path,
    plans: Sequence[StagePlan],
    prompts: Sequence[Drawn],
) -> dict[str, Any]:
    """Return all that is needed to draw the same images again."""
    weights = options.weights or "ema"
    files = [weights_path(directory, plan.stage.index, weights) for plan in plans]
    hashes = "".join(map(sha256_of, files))
    return {
        "training_directory": str(directory),
        "weights": weights,
        "weights_sha256": hashlib.sha256(hashes.encode()).hexdigest(),
        "sizes": [plan.stage.config.size for plan in plans],
        "aspect_ratio": options.aspect_ratio or 1.0,
        "pixels": ["{1} x {0}".format(*plan.sides) for plan in plans],
        "seed": options.seed or 0,
        "sampler": [plan.how.sampler for plan in plans],
        "steps": [plan.how.steps for plan in plans],
        "guidance_scale": [plan.how.guidance_scale for plan in plans],
        "negative_caption": options.negative_caption,
        "images_per_caption": options.images_per_caption or 1,
        "batch_size": options.batch_size or 16,
        "device": str(imagen.device),
        "precision": imagen.precision,
        "literal": bool(options.literal),
        "style": options.style,
        "expand": options.expand or "all",
        "windows": options.windows or 1,
        "prompts": [drawn.record() for drawn in prompts],
    }


def _make_new(output: Path, name: str) -> Path:
    for number in range(1, 1000):
        path = output / (name if number == 1 else f"{name}_{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            if not path.is_dir():
                break
        except OSError as error:
            raise UsageError(
                f"--OUTPUT {output}: no directory can be made there ({error.strerror})"
            ) from None
        else:
            return path
    raise UsageError(f"--OUTPUT {output}: no directory can be made there")


def _writable(text: str) -> str:
    """Replace what UTF-8 and PNG text cannot hold."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")
