"""Does a picture show what its caption says, to a network that read captions beside pictures?"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from minimagen.evaluation.features.network import ReadingNetwork


def clip_score(network: ReadingNetwork, images: Tensor, captions: Sequence[str]) -> Tensor:
    """Return  100 max(cos(picture, caption), 0)  of each picture; (N,), float32.

    Args:
        network: CLIP, see :func:`minimagen.evaluation.features.load_features`.
        images: in [-1, 1], (N, 3, H, W).
        captions: one a picture.

    Source: Hessel et al. 2021 (arXiv:2104.08718), eq. 1, with 100 in the place of 2.5.
    """
    return agreement(network(images), network.read(captions))


def agreement(pictures: Tensor, captions: Tensor) -> Tensor:
    """Return the CLIP score of features of pictures and of their captions, (N, D) each; (N,)."""
    assert pictures.shape == captions.shape, "one caption a picture"
    return 100 * F.cosine_similarity(pictures, captions, dim=1).clamp(min=0)
