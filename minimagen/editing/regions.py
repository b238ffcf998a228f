"""A caption for each part of a picture."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from minimagen.canvas import Canvas, Edit
from minimagen.conditioning import TextEmbedding
from minimagen.editing.pictures import fitted, told
from minimagen.errors import UsageError
from minimagen.sampling.walk import Bound


def by_region(texts: Sequence[TextEmbedding], masks: Tensor) -> Edit:
    """Let each caption speak where its mask is; the picture's own caption has what is left.

        x_0 = sum_k m_k x_0(caption k),   sum_k m_k = 1

    Every caption costs a call of the network a step.

    Args:
        texts: K captions' embeddings, one for all images or one for each, (N, L, D) each.
        masks: how much each pixel is a caption's, (K, 1, H, W) in [0, 1]; where they overlap they
            share.

    Raises:
        UsageError: when the numbers of captions and masks differ.

    Source: Bar-Tal et al. 2023 (arXiv:2302.08113), eq. 5, for one network call a region.
    """
    if len(texts) != len(masks):
        raise UsageError(f"{len(texts)} captions for {len(masks)} masks; give one for each")

    def edit(canvas: Canvas) -> Tensor:
        rows = [told(text, canvas.places, canvas.noise) for text in texts]
        conds = [canvas.cond, *(replace(canvas.cond, text=text) for text in rows)]
        shares = _shares(fitted(masks.to(canvas.noise.device), canvas.sides))
        return canvas.paint(denoise=partial(_shared, [canvas.bind(c) for c in conds], shares))

    return edit


def _shares(masks: Tensor) -> Tensor:
    """Return the shares of the picture's caption and of each region's; (1 + K, 1, H, W)."""
    rest = (1 - masks.sum(dim=0, keepdim=True)).clamp(min=0)
    everyone = torch.cat([rest, masks])
    return everyone / everyone.sum(dim=0, keepdim=True)


def _shared(speakers: Sequence[Bound], shares: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
    heard = zip(shares, speakers, strict=True)
    return torch.stack([share * speak(x_t, t) for share, speak in heard]).sum(dim=0)
