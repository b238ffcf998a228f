"""The task of all: what ``parameters/tiny`` trains on, and captions that it never shows."""

from pathlib import Path

import torch

from benchmarks.peers.contender import Task
from minimagen.cascade import CascadeConfig
from minimagen.conditioning import TextEmbedding
from minimagen.data.shapes import held_out_captions
from minimagen.imagen import Imagen
from minimagen.training.config import TrainingConfig
from minimagen.training.run import gather


def shapes_task(parameters: Path, captions: int) -> Task:
    """Return the training split of a parameter directory, and as many captions to draw.

    Args:
        parameters: its data must be single ``shapes``.
        captions: how many to draw; those of ``main.py``, which training never saw.
    """
    cascade, training = CascadeConfig.read(parameters), TrainingConfig.read(parameters)
    materials = gather(cascade, training, torch.device("cpu"))
    source, table = materials.source, materials.table
    assert table is not None, "the peers are told captions"
    side = cascade.imagen.stages[0].size
    images = [torch.from_numpy(source.picture(i, side)) for i in materials.training]
    shown = table([source.captions(i)[0] for i in materials.training])
    imagen = Imagen.create(CascadeConfig(cascade.imagen.up_to(side), cascade.unets[:1]))
    asked = imagen.encode(held_out_captions("single", captions, seed=0))
    assert isinstance(asked, TextEmbedding)
    return Task(
        torch.stack(images).permute(0, 3, 1, 2).contiguous(),
        shown.tokens.float(),
        shown.mask,
        asked.tokens.float(),
        asked.mask,
    )
