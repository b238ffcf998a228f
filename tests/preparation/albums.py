"""Directories of captioned pictures, and preparations of them, for the tests of this room."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from minimagen.preparation.prepare import prepare
from minimagen.preparation.report import Report
from minimagen.preparation.settings import Preparation


def scene(number: int, width: int = 48, height: int = 40) -> Image.Image:
    """Return a picture that looks like no other: a few smooth waves of its own colours."""
    rng = np.random.default_rng(number)
    small = Image.fromarray(rng.integers(0, 256, (5, 6, 3)).astype(np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def put(root: Path, name: str, image: Image.Image, caption: str, **options: Any) -> None:
    root.mkdir(parents=True, exist_ok=True)
    image.save(root / name, **options)
    (root / name).with_suffix(".txt").write_text(caption)


def album(root: Path, count: int) -> Path:
    """Make a directory of so many different pictures, one equal pair and a broken one."""
    for number in range(count):
        put(root, f"{number:03d}.png", scene(number), f"scene number {number}")
    put(root, "equal.png", scene(1), "again")
    put(root, "broken.png", scene(0), "broken")
    (root / "broken.png").write_bytes(b"broken")
    return root


def silent(items: Iterable[Any], title: str, behind: int, ahead: int) -> Iterator[Any]:
    yield from items


def stopping(after: int) -> Callable[[Iterable[Any], str, int, int], Iterator[Any]]:
    """Return a progress that ends the process's work, as Ctrl-C would, after so many items."""
    left = [after]

    def progress(items: Iterable[Any], title: str, behind: int, ahead: int) -> Iterator[Any]:
        for item in items:
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            yield item

    return progress


def prepared(source: Path, out: Path, *, workers: int = 0, **settings: Any) -> Report:
    return prepare(
        Preparation(dataset=str(source), **settings), out, workers=workers, progress=silent
    )


def contents(root: Path) -> dict[str, bytes]:
    """Read every file below a directory."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
