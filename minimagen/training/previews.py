"""What training is shown, as pictures: a sheet for each bucket, framed and changed by chance.

Made once, and only where pictures are more than centre squares.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from PIL import Image

from minimagen.data.stream import Loader, load_batch, make_loader
from minimagen.grid import captioned_grid
from minimagen.imagen import to_pictures

if TYPE_CHECKING:
    from minimagen.training.run import Run

SHOWN = 12  # pictures on a sheet


def previews(run: "Run") -> Iterator[tuple[str, Image.Image]]:
    """Show the first samples of each bucket at the sides of the last stage.

    Returns:
        Names and sheets; none where all pictures are centre squares.
    """
    if run.layout.is_plain:
        return
    stage = len(run.layout.sides[0]) - 1
    framing = run.framing(stage, images_per_step=SHOWN)
    loader = make_loader(run.source, run.training, framing, run.config.seed, stage)
    for bucket, step in _first_steps(loader).items():
        batch = load_batch(loader, range(step * SHOWN, (step + 1) * SHOWN))
        rows = [[picture] for picture in to_pictures(batch.images)]
        height, width = run.layout.sides[bucket][stage]
        yield f"training_{width}x{height}", captioned_grid(rows, batch.captions, cell=160)


def _first_steps(loader: Loader) -> dict[int, int]:
    """Return the first step of each bucket that has items."""
    found: dict[int, int] = {}
    for step in range(len(loader.order.indices)):
        found.setdefault(loader.order.bucket_of(step), step)
    return dict(sorted(found.items()))
