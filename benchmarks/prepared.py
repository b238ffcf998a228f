"""A real preparation:  python -m benchmarks.prepared --directory DIR.

The two photographs that scikit-learn ships, each as found in the wild: again as another file, at
half the size, recompressed, as its left half, as a strip; a truncated file; and a hundred of its
scanned digits, one of them twice. They are written to DIR/my_pictures with captions and prepared
from there; the contact sheet goes to docs/pictures.
"""

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image

from minimagen.__main__ import main as minimagen

SHEET = Path(__file__).parents[1] / "docs" / "pictures" / "contact_sheet.png"
CAPTIONS = {"china": "a temple behind trees", "flower": "an orange flower on blue and black"}
DIGITS = "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"
FLAGS = ["--size", "128", "--max-aspect", "3"]


def put(path: Path, image: Image.Image, caption: str, **options: Any) -> None:
    """Write a picture with its caption beside it."""
    image.save(path, **options)
    path.with_suffix(".txt").write_text(caption)


def put_photograph(root: Path, name: str) -> None:
    """Write a photograph in six ways."""
    image, caption = Image.fromarray(load_sample_image(f"{name}.jpg")), CAPTIONS[name]
    width, height = image.size
    half = image.resize((width // 2, height // 2))
    put(root / f"{name}.jpg", image, caption, quality=95)
    put(root / f"{name}_again.png", image, caption)
    put(root / f"{name}_half.jpg", half, f"a small picture of {caption}", quality=80)
    put(root / f"{name}_recompressed.jpg", image, caption, quality=40)
    put(root / f"{name}_left.jpg", image.crop((0, 0, width // 2, height)), caption, quality=95)
    put(root / f"{name}_strip.jpg", image.crop((0, 0, width, 160)), "", quality=95)


def put_digits(root: Path, count: int) -> None:
    """Write the first scanned digits, and the fourth once more."""
    data = load_digits()
    for i in [*range(count), 3]:
        pixels = (data.images[i] * 255 / 16).round().astype(np.uint8)
        suffix = "_copy" if (root / f"digit_{i:03d}.png").exists() else ""
        caption = f"a handwritten {DIGITS[data.target[i]]}"
        put(root / f"digit_{i:03d}{suffix}.png", Image.fromarray(pixels), caption)


def main() -> None:
    """Write the pictures, prepare them, keep the contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--directory", type=Path, required=True)
    directory = parser.parse_args().directory
    pictures = directory / "my_pictures"
    pictures.mkdir(parents=True)
    for name in CAPTIONS:
        put_photograph(pictures, name)
    put(pictures / "cut.jpg", Image.fromarray(load_sample_image("china.jpg")), "cut")
    os.truncate(pictures / "cut.jpg", 20_000)
    put_digits(pictures, 100)
    os.chdir(directory)
    minimagen(["prepare", "my_pictures", "my_shards", *FLAGS])
    shutil.copy("my_shards/contact_sheet.png", SHEET)


if __name__ == "__main__":
    main()
