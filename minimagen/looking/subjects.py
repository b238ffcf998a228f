"""What is looked at, at each stage: a picture that was just drawn, or one that is there."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from minimagen.canvas import Canvas, Edit
from minimagen.conditioning import Conditioning
from minimagen.data.framing import Frame
from minimagen.errors import UsageError
from minimagen.imagen import Caption, Imagen
from minimagen.looking.moments import Moment, noised, noting
from minimagen.lowres import resize
from minimagen.stage import Stage
from minimagen.tensors import from_uint8

LOG_SNRS = (-6.0, -4.0, -2.0, 0.0, 2.0, 4.0)
"""Where a picture that is there is looked at: from hardly a trace to hardly a grain."""


@dataclass(frozen=True)
class Subject:
    """One picture at one stage.

    Args:
        stage: the stage.
        image: the picture at its size, (1, 3, H, W) in [-1, 1].
        cond: what the network is told about it.
        moments: the picture with noise on it.
    """

    stage: Stage
    image: Tensor
    cond: Conditioning
    moments: Sequence[Moment]


def drawn(
    imagen: Imagen,
    caption: Caption,
    stages: Collection[int],
    edit: Edit = Canvas.paint,
    **how: Any,
) -> list[Subject]:
    """Draw a caption and look at some stages while they draw.

    Args:
        imagen: draws up to the last of these stages.
        caption: what is drawn.
        stages: which are looked at.
        edit: how it is drawn.
        how: sampler, steps, guidance, seed, as ``Imagen.sample`` takes them.

    Raises:
        UsageError: for a stage that is not there.
    """
    last = max(_known(imagen, stages))
    moments: list[Moment] = []
    size = imagen.stages[last].config.size
    images = imagen.sample_stages([caption], size=size, edit=noting(moments, edit), **how)
    found = []
    for index in sorted(stages):
        own = [moment for moment in moments if moment.stage == index]
        found.append(Subject(imagen.stages[index], images[index], own[0].cond, own))
    return found


def given(
    imagen: Imagen, picture: Image.Image, caption: str, stages: Collection[int], seed: int = 0
) -> list[Subject]:
    """Look at a picture that is there, at some stages: its middle square, at each stage's size.

    Args:
        imagen: its stages look.
        picture: RGB.
        caption: what it shows.
        stages: which look.
        seed: noise follows from it.

    Raises:
        UsageError: for a stage that is not there.
    """
    text, found = imagen.encode([caption]), []
    for index in sorted(_known(imagen, stages)):
        stage = imagen.stages[index]
        pixels = Frame.of(stage.config.size).fit(picture)
        image = from_uint8(torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None])
        lowres = None
        if stage.smaller is not None:
            lowres = stage.lowres(resize(image, stage.smaller), seed, [0])
        cond = Conditioning(text, lowres)
        times = stage.config.schedule.time(torch.tensor(LOG_SNRS, dtype=torch.float64))
        moments = noised(stage, image, cond, times.clamp(0, 1).tolist(), seed)
        found.append(Subject(stage, image, cond, moments))
    return found


def _known(imagen: Imagen, stages: Collection[int]) -> Collection[int]:
    if not stages or not set(stages) <= set(range(len(imagen.stages))):
        asked = ", ".join(map(str, stages)) or "none"
        raise UsageError(
            f"stages {asked}: choose of the fitted ones, 0 to {len(imagen.stages) - 1}"
        )
    return stages
