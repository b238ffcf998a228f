"""What a cascade draws to be judged: the same captions and seeds each time, a batch at a time."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import Tensor

from minimagen.drawing.batches import Batch, batches_of, drawn, fitting_size
from minimagen.imagen import Imagen

Told = Callable[[int], None]
"""Is told how many more pictures are done."""


def cycled(captions: Sequence[str], count: int) -> list[str]:
    """Return so many captions, from the beginning again when they run out."""
    return [captions[place % len(captions)] for place in range(count)]


def drawings(
    imagen: Imagen,
    captions: Sequence[str],
    *,
    seed: int = 0,
    batch_size: int | None = None,
    told: Told = lambda more: None,
    **how: Any,
) -> Iterator[Tensor]:
    """Draw captions, and yield what the last stage drew, (B, 3, S, S) in [-1, 1].

    Picture i follows from its caption, the seed and i. Captions are embedded a batch at a time and
    batches that do not fit are halved, so memory does not grow with their number.

    Args:
        imagen: the cascade.
        captions: one a picture; the empty one draws without.
        seed: of all draws.
        batch_size: pictures at a time; None is what suits the device.
        told: is told after every batch.
        how: sampler, steps, guidance_scale, size, as :meth:`Imagen.plan` takes them.
    """
    plans = imagen.plan(**how)
    size = batch_size or fitting_size(len(captions), imagen.device)

    def draw(batch: Batch) -> Tensor:
        some = captions[batch.first : batch.first + batch.size]
        numbers = list(batch.places)
        text = imagen.encode(some)
        return imagen.draw(plans, text, seed=seed, numbers=numbers, places=batch.places)[-1]

    for batch, images in drawn(batches_of(len(captions), size), draw):
        told(batch.size)
        yield images
