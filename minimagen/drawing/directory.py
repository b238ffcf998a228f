"""``generated_images_<TIMESTAMP>`` being filled: what is there is whole, and is not drawn again."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from minimagen.checkpoint import sweep, write_bytes, write_text
from minimagen.config import to_plain
from minimagen.drawing.batches import Batch
from minimagen.drawing.inputs import FOLDER, Inputs
from minimagen.drawing.outputs import new_directory
from minimagen.drawing.settings import FILE, Settings, read_settings, written
from minimagen.errors import DataError
from minimagen.grid import captioned_grid

FIELDS = ("seed", "aspect_ratio", "sampler", "steps", "guidance_scale", "weights_sha256")
IMAGES, GRID, CAPTIONS = "generated_images", "grid.png", "captions.txt"
BATCH = "batch"  # the text field that says with which others an image was drawn
SHEET = 1000  # images on grid.png at most


@dataclass(frozen=True)
class GeneratedImages:
    """A ``generated_images_<TIMESTAMP>`` directory.

    Args:
        path: the directory.
        settings: everything needed to draw its images.
    """

    path: Path
    settings: Settings

    @classmethod
    def create(cls, output: Path, settings: Settings, inputs: Inputs) -> "GeneratedImages":
        """Make the directory and write what is known before the first image.

        Raises:
            UsageError: when nothing can be made there.
        """
        path = new_directory(output, "generated_images")
        made = cls(path, settings)
        lines = "".join(f"{_writable(made.caption(i))}\n" for i in range(settings.count))
        write_text(path / CAPTIONS, lines)
        write_text(
            path / "imagen_training_directory.txt", f"{_writable(settings.training_directory)}\n"
        )
        if inputs.contents:
            (path / FOLDER).mkdir()
        for name, content in inputs.contents.items():
            write_bytes(path / FOLDER / name, content)
        (path / IMAGES).mkdir()
        write_text(path / FILE, written(settings))  # last: with it, the rest can be drawn later
        return made

    @classmethod
    def open(cls, path: Path) -> "GeneratedImages":
        """Open a directory that was made earlier.

        Raises:
            DataError: when it is none.
            ConfigError: when its settings are damaged.
        """
        if not (path / FILE).is_file() or not (path / IMAGES).is_dir():
            raise DataError(
                f"{path}: no {FILE} and {IMAGES}/ in it; name a generated_images_<TIMESTAMP> that "
                "inference.py made"
            )
        return cls(path, read_settings(path / FILE))

    def sweep(self) -> None:
        """Remove what a killed process left half-written. No other may be drawing here."""
        for directory in (self.path, self.path / IMAGES, self.path / FOLDER):
            sweep(directory)

    def caption(self, place: int) -> str:
        """Return the caption that an image shows."""
        return self.settings.prompt(place).text

    def image_path(self, place: int) -> Path:
        """Return where an image goes."""
        return self.path / IMAGES / f"image_{place}.png"

    def has(self, place: int) -> bool:
        """Whether an image is drawn; it is there whole or not at all."""
        return self.image_path(place).is_file()

    def missing(self) -> list[Batch]:
        """Return the batches of which an image is missing.

        They are drawn whole again, so that what was missing has the bytes it would have had.
        """
        batches = [Batch(*batch) for batch in self.settings.batches or ()]
        return [batch for batch in batches if not all(map(self.has, batch.places))]

    def save(self, pictures: Sequence[Image.Image], batch: Batch) -> None:
        """Write those of a batch's images that are not there yet, each with how it was made.

        Raises:
            TrainingError: when the disk is full or cannot be written.
        """
        for place, picture in zip(batch.places, pictures, strict=True):
            if not self.has(place):
                write_bytes(self.image_path(place), _png(picture, self._fields(place, batch)))

    def finish(self) -> None:
        """Write ``grid.png``, and into the settings which images were drawn together."""
        places = range(min(self.settings.count, SHEET))
        pictures = ((Image.open(self.image_path(place)),) for place in places)
        grid = captioned_grid(pictures, [self.caption(place) for place in places])
        write_bytes(self.path / GRID, _png(grid))
        settings = replace(self.settings, batches=tuple(self._drawn_batches()))
        write_text(self.path / FILE, written(settings))

    def _drawn_batches(self) -> list[tuple[int, int]]:
        """Collect from the images with which others each was drawn."""
        found = set[tuple[int, int]]()
        for place in range(self.settings.count):
            with Image.open(self.image_path(place)) as picture:  # reads the fields, no pixels
                first, size = json.loads(picture.info[BATCH])
                found.add((first, size))
        return sorted(found)

    def _fields(self, place: int, batch: Batch) -> PngInfo:
        settings, record = self.settings, self.settings.prompts[place]
        fields = PngInfo()
        fields.add_itxt("caption", _writable(self.caption(place)))
        fields.add_text("image", str(place))
        fields.add_text("number", str(settings.number(place)))
        for name in FIELDS:
            fields.add_text(name, json.dumps(getattr(settings, name)))
        edit = None if settings.edit is None else to_plain(settings.edit)
        fields.add_itxt("edit", _writable(json.dumps(edit, ensure_ascii=False)))
        for name in ("given", "expanded"):
            fields.add_itxt(name, _writable(getattr(record, name)))
        fields.add_text("weights", json.dumps(record.weights))
        fields.add_text("amount", json.dumps(record.amount))
        fields.add_text(BATCH, json.dumps(batch))
        return fields


def _png(picture: Image.Image, fields: PngInfo | None = None) -> bytes:
    content = io.BytesIO()
    picture.save(content, format="PNG", pnginfo=fields)
    return content.getvalue()


def _writable(text: str) -> str:
    """Replace what UTF-8 and PNG text cannot hold."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")
