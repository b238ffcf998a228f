"""What is drawn to be judged follows from caption, seed and number alone."""

import pytest
import torch

from minimagen import Imagen
from minimagen.evaluation.drawn import cycled, drawings

CAPTIONS = ["a red circle", "a large blue square on the left", ""]


def test_batches_change_nothing_but_memory(imagen: Imagen) -> None:
    told: list[int] = []
    one = torch.cat(list(drawings(imagen, CAPTIONS, seed=3, batch_size=1, told=told.append)))
    all_at_once = torch.cat(list(drawings(imagen, CAPTIONS, seed=3)))
    assert told == [1, 1, 1]
    assert one.shape == (3, 3, 32, 32)
    assert (one - all_at_once).abs().max() < 1e-4  # float32, padded to other lengths


def test_they_are_what_imagen_samples(imagen: Imagen) -> None:
    how = {"steps": 3, "guidance_scale": 2.0, "size": 16}
    [drawn] = drawings(imagen, CAPTIONS, seed=3, **how)
    assert torch.equal(drawn, imagen.sample(CAPTIONS, seed=3, **how))


@pytest.mark.parametrize("count", [1, 3, 7])
def test_captions_begin_again_when_they_run_out(count: int) -> None:
    found = cycled(CAPTIONS, count)
    assert len(found) == count
    assert all(caption == CAPTIONS[place % 3] for place, caption in enumerate(found))
