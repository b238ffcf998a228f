"""Features of several sets of pictures laid out in the plane, to be looked at."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from minimagen.data.extras import required

Layout = Literal["pca", "tsne"]
MOST = 500  # points of each set
PERPLEXITY = 30.0


def laid_out(
    sets: Mapping[str, Tensor], how: Layout = "pca", seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Lay out features, (N, D) each, in the plane, (N, 2) each; at most 500 of a set.

    Args:
        sets: by name.
        how: ``pca``, the two directions in which all of them together differ most; or ``tsne``,
            which keeps neighbours together and means nothing by distances.
        seed: of t-SNE.

    Raises:
        DataError: when t-SNE is asked for and scikit-learn is not installed.
    """
    some = {name: features[:MOST].double() for name, features in sets.items()}
    together = torch.cat(list(some.values()))
    places = _principal(together) if how == "pca" else _neighbourly(together, seed)
    parts = np.split(places, np.cumsum([len(each) for each in some.values()])[:-1])
    return dict(zip(some, parts, strict=True))


def _principal(x: Tensor) -> NDArray[np.float64]:
    """Return the two first principal components, (N, 2); each direction has its largest part up."""
    centred = x - x.mean(dim=0)
    directions = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -2:].flip(1)  # (D, 2)
    largest = directions.gather(0, directions.abs().argmax(dim=0, keepdim=True))
    return np.asarray((centred @ (directions * largest.sign())).numpy())


def _neighbourly(x: Tensor, seed: int) -> NDArray[np.float64]:
    """Return t-SNE's layout, (N, 2).  van der Maaten & Hinton 2008."""
    manifold: Any = required("sklearn.manifold", "eval", "t-SNE")
    perplexity = min(PERPLEXITY, (len(x) - 1) / 3)
    made = manifold.TSNE(perplexity=perplexity, init="pca", random_state=seed)
    return np.asarray(made.fit_transform(x.numpy()), np.float64)
