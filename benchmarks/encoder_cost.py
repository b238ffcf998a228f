"""What the text encoders cost, counted on the meta device: no weights are needed for it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

# Width, hidden width, heads of 64 channels, layers: as config.json on the Hub gives them.
T5_1_1 = {
    "google/t5-v1_1-small": (512, 1024, 6, 8),
    "google/t5-v1_1-base": (768, 2048, 12, 12),
    "google/t5-v1_1-large": (1024, 2816, 16, 24),
    "google/t5-v1_1-xl": (2048, 5120, 32, 24),
    "google/t5-v1_1-xxl": (4096, 10240, 64, 24),
}


@dataclass(frozen=True)
class EncoderCost:
    """What an encoder costs.

    Args:
        parameters: how many weights.
        flops: operations for one caption.
        width: numbers kept for each token.
    """

    parameters: int
    flops: int
    width: int


def encoder_cost(name: str, tokens: int) -> EncoderCost:
    """Count a T5 encoder.

    Args:
        name: a key of ``T5_1_1``, or any T5 whose files are on this machine.
        tokens: of one caption.
    """
    from transformers import T5Config, T5EncoderModel

    with torch.device("meta"):
        network = T5EncoderModel(T5Config(**settings_of(name), attn_implementation="eager"))
        words = torch.ones(1, tokens, dtype=torch.long)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(input_ids=words)
    parameters = sum(p.numel() for p in network.parameters())
    return EncoderCost(parameters, counter.get_total_flops(), network.config.d_model)


def settings_of(name: str) -> dict[str, Any]:
    """Return an encoder's ``config.json``, or as much of it as says its shape."""
    from minimagen.text.locate import locate

    if name not in T5_1_1:
        return locate(name, None).settings
    width, hidden, heads, layers = T5_1_1[name]
    ladder = {"d_model": width, "d_ff": hidden, "d_kv": 64, "num_heads": heads}
    return {
        **ladder,
        "num_layers": layers,
        "vocab_size": 32_128,
        "feed_forward_proj": "gated-gelu",
    }
