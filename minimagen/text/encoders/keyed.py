"""Fixed vectors for words: nothing is learnt, the same word has the same vector everywhere."""

from functools import lru_cache

import torch
from torch import Tensor

from minimagen.seeds import generator


@lru_cache(maxsize=100_000)
def vector_of(word: str, width: int) -> Tensor:
    """Draw the vector that belongs to a word; (D,), its mean square 1.

    Vectors of different words are nearly at right angles: their cosine is about width^-0.5.
    """
    vector = torch.randn(width, generator=generator("word vector", word))
    return vector / vector.square().mean().sqrt()
