"""Real pictures that scikit-learn ships, and the layouts they can be brought in."""

import io
import json
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Item(NamedTuple):
    """A picture file and what it shows."""

    name: str
    content: bytes
    captions: tuple[str, ...]


def digits_and_photographs(count: int = 22) -> list[Item]:
    """Return digits as PNG files, and both photographs as JPEG files with two captions each."""
    from sklearn.datasets import load_digits, load_sample_images

    digits = load_digits()
    items = [
        Item(
            f"{n:02}.png", _encoded(digits.images[n] * 15, "PNG"), (f"a {WORDS[digits.target[n]]}",)
        )
        for n in range(count - 2)
    ]
    photographs = load_sample_images().images
    temple, flower = (_encoded(pixels, "JPEG") for pixels in photographs)
    return [
        *items,
        Item(f"{count - 2}.jpg", temple, ("a temple behind trees", "a photo of a temple")),
        Item(f"{count - 1}.jpg", flower, ("a red flower", "a dahlia in a garden")),
    ]


def _encoded(pixels: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]", kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, kind)
    return file.getvalue()


def write_pictures(root: Path, items: Sequence[Item]) -> None:
    """Write the picture files alone."""
    root.mkdir(parents=True, exist_ok=True)
    for item in items:
        (root / item.name).write_bytes(item.content)


def as_folder(root: Path, items: Sequence[Item]) -> Path:
    """Write a folder with ``metadata.jsonl``."""
    write_pictures(root, items)
    return as_table(root / "metadata.jsonl", items).parent


def as_table(path: Path, items: Sequence[Item]) -> Path:
    """Write a table beside the pictures."""
    write_pictures(path.parent, items)
    rows = [{"file_name": item.name, "text": list(item.captions)} for item in items]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def as_parquet(path: Path, items: Sequence[Item]) -> Path:
    """Write a parquet file beside the pictures."""
    import pyarrow
    import pyarrow.parquet

    write_pictures(path.parent, items)
    names, captions = [item.name for item in items], [list(item.captions) for item in items]
    table = pyarrow.table({"file_name": names, "caption": captions})
    pyarrow.parquet.write_table(table, path)
    return path


def as_shards(root: Path, items: Sequence[Item], each: int = 8) -> str:
    """Write tar shards; returns their pattern."""
    root.mkdir(parents=True)
    shards = range(0, len(items), each)
    for number, start in enumerate(shards):
        with tarfile.open(root / f"s-{number:02}.tar", "w") as tar:
            for item in items[start : start + each]:
                key, _, suffix = item.name.partition(".")
                add(tar, f"{key}.{suffix}", item.content)
                add(tar, f"{key}.json", json.dumps({"text": list(item.captions)}).encode())
    return str(root / f"s-{{00..{len(shards) - 1:02}}}.tar")


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Put a file into a tar."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def as_saved(root: Path, items: Sequence[Item]) -> Path:
    """Save a data set of the package ``datasets``."""
    import datasets

    columns = {
        "image": [{"bytes": item.content, "path": None} for item in items],
        "text": [list(item.captions) for item in items],
    }
    saved = datasets.Dataset.from_dict(columns).cast_column("image", datasets.Image())
    saved.save_to_disk(root)
    return root


LAYOUTS: dict[str, Callable[[Path, Sequence[Item]], object]] = {
    "folder": lambda root, items: as_folder(root / "folder", items),
    "table": lambda root, items: as_table(root / "table/rows.jsonl", items),
    "parquet": lambda root, items: as_parquet(root / "parquet/rows.parquet", items),
    "tar": lambda root, items: as_shards(root / "tar", items),
    "saved": lambda root, items: as_saved(root / "saved", items),
}
