"""The pictures of the how-to pages on editing:  python -m benchmarks.edited -d DIRECTORY.

Each page's own commands are run, in a directory with the photo and the masks that they name, and
what came out is laid out in ``docs/pictures``, after the files it was made from.
"""

import argparse
import contextlib
import os
import re
import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

import inference
from minimagen.data.shapes import GROUND, Scene, Thing, draw
from minimagen.grid import captioned_grid

ROOT = Path(__file__).parents[1]
HOW_TO, PICTURES = ROOT / "docs" / "how-to", ROOT / "docs" / "pictures"
PAGES = ("image-to-image", "inpaint", "outpaint", "vary", "regions", "invert")
COLUMNS = 5
PHOTO = Scene((Thing("circle", "red", 0.5, 0.5, 0.3),), "a large red circle", GROUND)

Cell = tuple[Image.Image, str]


def commands(page: str) -> list[list[str]]:
    """Return the flags of each command of a page, as a shell splits them."""
    text = (HOW_TO / f"{page}.md").read_text(encoding="utf-8")
    return [shlex.split(line) for line in re.findall(r"^    python inference.py (.+)$", text, re.M)]


def write_files(directory: Path, side: int) -> None:
    """Write the photo and the masks that the pages name.

    Args:
        directory: gets them.
        side: of all of them, in pixels.
    """
    Image.fromarray(draw(PHOTO, side)).save(directory / "photo.png")
    edges = {
        "right": (0.5, 0.0, 1.0, 1.0),
        "middle": (0.15, 0.15, 0.85, 0.85),
        "left": (0.0, 0.0, 0.5, 1.0),
    }
    for name, edge in edges.items():
        left, top, right, bottom = (round(side * at) for at in edge)
        mask = np.zeros((side, side), dtype=np.uint8)
        mask[top:bottom, left:right] = 255
        Image.fromarray(mask).save(directory / f"{name}.png")


def run(flags: Sequence[str], training: Path) -> list[Cell]:
    """Run one command and return its images with their captions."""
    made = [str(training) if flag == "training_<TIMESTAMP>" else flag for flag in flags]
    out = inference.infer(inference.parse(made))
    captions = (out / "captions.txt").read_text(encoding="utf-8").split("\n")[:-1]
    images = [out / "generated_images" / f"image_{i}.png" for i in range(len(captions))]
    return [(Image.open(image).copy(), text) for image, text in zip(images, captions, strict=True)]


def files_of(flags: Sequence[str]) -> list[str]:
    """Return the files that a command begins with."""
    return [flag.partition("=")[0] for flag in flags if re.search(r"\.png(=|$)", flag)]


def outlined(name: str) -> Image.Image:
    """Read a file with a thin line around it: a mask is as white as the page it is shown on."""
    picture = Image.open(name).convert("RGB")
    return ImageOps.expand(picture.crop((4, 4, *(side - 4 for side in picture.size))), 4, "grey")


def sheet(page: str, training: Path) -> Image.Image:
    """Run a page's commands and lay out what they began with and what they drew."""
    cells: dict[str, Cell] = {}
    for number, flags in enumerate(commands(page)):
        for name in files_of(flags):
            cells.setdefault(name, (outlined(name), name))
        for place, cell in enumerate(run(flags, training)):
            cells[f"{number} {place}"] = cell
    pictures = [(picture,) for picture, _ in cells.values()]
    captions = [caption for _, caption in cells.values()]
    return captioned_grid(pictures, captions, columns=min(COLUMNS, len(cells)))


def main() -> None:
    """Make the pictures of all pages, or of those named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-d", "--directory", type=Path, required=True, help="made by main.py")
    parser.add_argument("pages", nargs="*", default=list(PAGES), help="as image-to-image")
    options = parser.parse_args()
    training = options.directory.resolve()
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        write_files(Path(), 512)
        for page in options.pages:
            sheet(page, training).save(PICTURES / f"{page}.png")
            print(os.path.relpath(PICTURES / f"{page}.png", ROOT))


if __name__ == "__main__":
    main()
