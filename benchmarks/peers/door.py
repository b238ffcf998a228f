"""The only door to the two peers. Import it in a process of :mod:`benchmarks.peers.client` alone.

Their code runs unchanged. They import torchvision for data loaders that nothing here uses, and ask
the network for the width of a T5 that nothing here reads: both are answered for them.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kornia  # noqa: F401  before the stand-in, as
from torch import nn
from transformers import T5Config, T5EncoderModel, T5Tokenizer  # noqa: F401  would take it for real

STANDINS = Path(__file__).parent / "standins"
UNREAD = 64  # width of an encoder that is never loaded

sys.path.insert(0, str(STANDINS))
T5Config.from_pretrained = classmethod(lambda cls, *_, **__: cls(d_model=UNREAD))


def pypi_minimagen(
    unets: list[Mapping[str, Any]], sizes: list[int], width: int, **imagen: Any
) -> nn.Module:
    """Make a cascade of PyPI's ``minimagen``.

    Args:
        unets: what each U-Net is made with.
        sizes: side of each U-Net's images, px.
        width: of the embeddings.
        imagen: further settings of the cascade.
    """
    from minimagen.Imagen import Imagen
    from minimagen.Unet import Unet

    made = [Unet(text_embed_dim=width, **unet) for unet in unets]
    named = {"text_encoder_name": "t5_small", "text_embed_dim": width}
    return Imagen(unets=made, image_sizes=sizes, **named, **imagen)


def imagen_pytorch(
    unets: list[Mapping[str, Any]], sizes: list[int], width: int, **imagen: Any
) -> nn.Module:
    """Make a cascade of ``imagen-pytorch``; takes what :func:`pypi_minimagen` takes."""
    from imagen_pytorch import Imagen, Unet

    made = [Unet(text_embed_dim=width, **unet) for unet in unets]
    return Imagen(unets=made, image_sizes=sizes, text_embed_dim=width, **imagen)


MAKERS = {"minimagen 0.0.9": pypi_minimagen, "imagen-pytorch 2.1.0": imagen_pytorch}
