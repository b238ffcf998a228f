"""The text half of CLIP.  Radford et al. 2021 (arXiv:2103.00020)."""

from functools import partial
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from minimagen.conditioning import TextEmbedding
from minimagen.config import config
from minimagen.text.encoders.transformer import Dtype, Family, Name, Transformer

Layer = Literal["last", "penultimate"]


@config
class ClipConfig:
    """A CLIP text model, whole or of a CLIP that also has the picture half.

    Args:
        name: a Hub name or a directory.
        revision: of the Hub: a branch, tag or commit.
        max_tokens: begin and end of sequence included; the model's own limit holds besides.
        dtype: of the weights; embeddings are float32.
        layer: whose tokens: after the last layer and its norm, or before the last layer, as later
            text-to-image models read it.
        pooled: append what CLIP compares with pictures, as one more token: the end of sequence
            after the last layer. With ``"last"`` that says the end of sequence twice.
    """

    kind: Literal["clip"] = "clip"
    name: Name
    revision: str | None = None
    max_tokens: Annotated[int, Field(ge=3, le=77)] = 77
    dtype: Dtype = "float32"
    layer: Layer = "penultimate"
    pooled: bool = True


def find_clip(config: ClipConfig) -> Transformer:
    """Find a CLIP text model's files.

    Raises:
        ConfigError: when it is neither here nor to be fetched, or is no CLIP; says what to bring.
    """
    family = Family(
        models={"clip": "CLIPTextModel", "clip_text_model": "CLIPTextModel"},
        tokenizer="CLIPTokenizer",
        width_key="hidden_size",
        length_key="max_position_embeddings",
        added=int(config.pooled),
        run=partial(_run, layer=config.layer, pooled=config.pooled),
        variant=f" {config.layer}{' and pooled' if config.pooled else ''}",
    )
    return Transformer(config, family)


def _run(model: Any, ids: Tensor, mask: Tensor, *, layer: Layer, pooled: bool) -> TextEmbedding:
    """Return tokens (B, L, D), or (B, L + 1, D) with the pooled one at the end."""
    output = model(input_ids=ids, attention_mask=mask, output_hidden_states=layer == "penultimate")
    tokens = output.last_hidden_state if layer == "last" else output.hidden_states[-2]
    text = TextEmbedding(tokens, mask.bool())
    if not pooled:
        return text
    tokens = torch.cat([text.tokens, output.pooler_output[:, None]], dim=1)
    return TextEmbedding(tokens, F.pad(text.mask, (0, 1), value=True))
