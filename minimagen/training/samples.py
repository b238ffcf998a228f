"""The same captions drawn with the same seeds all along a run, one grid a stage."""

import torch
from PIL import Image

from minimagen.conditioning import Conditioning, LowRes
from minimagen.grid import captioned_grid
from minimagen.imagen import to_pictures
from minimagen.lowres import resize
from minimagen.stage import Stage
from minimagen.tensors import from_uint8
from minimagen.training.validation import ValidationSet


@torch.no_grad()
def sample_grid(stage: Stage, shown: ValidationSet, seed: int) -> Image.Image:
    """Draw a stage's grid. A super-resolution stage enlarges the pictures, shown beside its input.

    Args:
        stage: with the averaged network.
        shown: the captions, and the pictures that super-resolution starts from.
        seed: of the run.
    """
    numbers = range(len(shown))
    originals = from_uint8(shown.images).to(stage.device)
    text = None if shown.text is None else shown.text.to(stage.device)
    lowres: LowRes | None = None
    columns = []
    if stage.smaller is not None:
        smaller = resize(originals, stage.smaller)
        lowres = stage.lowres(smaller, seed, numbers)
        columns.append(to_pictures(smaller))
    columns.append(
        to_pictures(stage.sample(Conditioning(text, lowres), seed=seed, numbers=numbers))
    )
    return captioned_grid(list(zip(*columns, strict=True)), shown.captions)
