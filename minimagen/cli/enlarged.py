"""What ``upscale`` leaves behind, in the layout of what ``inference.py`` does."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from minimagen.checkpoint import write_text
from minimagen.drawing.outputs import new_directory
from minimagen.grid import captioned_grid

SHEET, CELL = 64, 512  # pictures in grid.png at most, and their longer side in pixels
FIELDS = "seed", "stages", "sampler", "steps", "guidance_scale", "augmentation", "weights_sha256"


@dataclass(frozen=True)
class EnlargedImages:
    """A directory being filled.

    Args:
        path: the directory.
        captions: of each picture.
        settings: everything needed to enlarge them again.
        pictures: those that are done: file, its hash, pixels.
    """

    path: Path
    captions: Sequence[str]
    settings: dict[str, Any]
    pictures: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def create(
        cls, output: Path, run: Path, captions: Sequence[str], settings: dict[str, Any]
    ) -> "EnlargedImages":
        """Make the directory and write what is known before the first picture.

        Raises:
            UsageError: when nothing can be made there.
        """
        path = new_directory(output, "generated_images")
        write_text(path / "captions.txt", "".join(f"{_writable(c)}\n" for c in captions))
        write_text(path / "imagen_training_directory.txt", f"{run}\n")
        (path / "generated_images").mkdir()
        return cls(path, captions, settings)

    def save(self, number: int, file: Path, picture: Image.Image) -> None:
        """Write a picture, with how it was made in the PNG's text fields, and the settings so far.

        Args:
            number: of the picture.
            file: what was enlarged.
            picture: what it became.
        """
        made = {
            "file": str(file),
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "pixels": f"{picture.width} x {picture.height}",
        }
        fields = PngInfo()
        fields.add_itxt("caption", _writable(self.captions[number]))
        fields.add_text("image", str(number))
        for name in FIELDS:
            fields.add_text(name, json.dumps(self.settings[name]))
        fields.add_text("enlarged_sha256", made["sha256"])
        picture.save(self._image(number), pnginfo=fields)
        self.pictures.append(made)
        settings = {**self.settings, "captions": list(self.captions), "pictures": self.pictures}
        write_text(self.path / "settings.json", json.dumps(settings, indent=2) + "\n")

    def finish(self) -> None:
        """Write ``grid.png``."""
        shown = []
        for number in range(min(len(self.pictures), SHEET)):
            with Image.open(self._image(number)) as picture:
                picture.thumbnail((CELL, CELL))
                shown.append((picture.copy(),))
        sheet = captioned_grid(shown, self.captions[: len(shown)], cell=CELL // 2)
        sheet.save(self.path / "grid.png")

    def _image(self, number: int) -> Path:
        return self.path / "generated_images" / f"image_{number}.png"


def _writable(text: str) -> str:
    """Replace what UTF-8 and PNG text cannot hold, and what would begin a line."""
    return " ".join(text.encode("utf-8", "replace").decode().replace("\0", " ").splitlines())
