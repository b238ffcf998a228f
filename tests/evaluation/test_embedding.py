"""A map of features keeps sets apart that are apart."""

import numpy as np
import pytest
import torch

from minimagen.evaluation.embedding import MOST, Layout, laid_out

DRAWS = torch.Generator().manual_seed(0)


def test_points_of_a_plane_keep_their_distances() -> None:
    """Principal components of what lies in a plane are that plane, turned."""
    plane = torch.randn(40, 2, generator=DRAWS, dtype=torch.float64)
    turned = torch.linalg.qr(torch.randn(7, 7, generator=DRAWS, dtype=torch.float64)).Q[:2]
    found = laid_out({"a": plane[:30] @ turned, "b": plane[30:] @ turned})
    together = np.concatenate([found["a"], found["b"]])
    assert found["b"].shape == (10, 2)
    expected = torch.cdist(plane, plane).numpy()
    assert np.allclose(np.linalg.norm(together[:, None] - together[None], axis=2), expected)


@pytest.mark.parametrize("how", ["pca", "tsne"])
def test_two_clusters_stay_two(how: Layout) -> None:
    near, far = torch.randn(2, 30, 8, generator=DRAWS).unbind()
    found = laid_out({"near": near, "far": far + 20}, how)
    middle, other = found["near"].mean(axis=0), found["far"].mean(axis=0)
    spread = np.linalg.norm(found["near"] - middle, axis=1).max()
    assert np.linalg.norm(middle - other) > 2 * spread


def test_at_most_so_many_of_a_set() -> None:
    assert len(laid_out({"many": torch.randn(MOST + 9, 3, generator=DRAWS)})["many"]) == MOST
