"""Weights stored smaller: in bfloat16, in half precision, or in eight bits a number.

Only files are smaller. Networks compute in what they are asked to compute in, with the numbers that
the file holds. Packing what was unpacked changes nothing, so a cascade can be handed on any number
of times.
"""

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor

from minimagen.errors import UsageError

Dtype = Literal["fp32", "bf16", "fp16", "int8"]
DTYPES: tuple[Dtype, ...] = get_args(Dtype)
SCALE = ".int8_scale"  # behind a tensor's name: one number for each of its channels
LARGEST = 127  # of eight bits, so that both signs reach as far
FEW = 16  # numbers in a channel that are not worth a scale
COARSE = 1 << 12  # float32 bits that a scale does without, see _scale_of

_HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def packed(tensors: Mapping[str, Tensor], dtype: Dtype) -> dict[str, Tensor]:
    """Return tensors as a file of this kind holds them; :func:`unpacked` gives them back.

    Args:
        tensors: float32, by name.
        dtype: ``fp32`` as they are; ``bf16`` or ``fp16`` half as large; ``int8`` a quarter:
            matrices and kernels in eight bits with a scale for each output channel, the rest as is.

    Raises:
        UsageError: when a number is beyond what the kind can hold.
    """
    if dtype == "int8":
        return {part: t for name, tensor in tensors.items() for part, t in _int8(name, tensor)}
    if dtype == "fp32":
        return dict(tensors)
    halved = {name: tensor.to(_HALVES[dtype]) for name, tensor in tensors.items()}
    for name, tensor in halved.items():
        if not tensor.isfinite().all():
            raise UsageError(f"--DTYPE {dtype}: {name} has numbers beyond its range; choose bf16")
    return halved


def unpacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors in float32 as they were packed, whatever the kind of the file.

    Raises:
        KeyError: when one of eight bits lacks its scale.
    """
    return {
        name: tensor.float() * (tensors[name + SCALE] if tensor.dtype == torch.int8 else 1)
        for name, tensor in tensors.items()
        if not name.endswith(SCALE)
    }


def _int8(name: str, tensor: Tensor) -> list[tuple[str, Tensor]]:
    """Round to whole multiples of each output channel's scale.

        q = round(w / s),   s = max |w| / 127 of a channel,   w' = q s

    Source: symmetric per-channel quantisation of weights, Krishnamoorthi 2018 (arXiv:1806.08342),
    sec. 3.1.
    """
    if tensor.ndim < 2 or tensor[0].numel() < FEW:
        return [(name, tensor)]
    scale = _scale_of(tensor)
    whole = (tensor / scale).round().clamp(-LARGEST, LARGEST)
    return [(name, whole.to(torch.int8)), (name + SCALE, scale)]


def _scale_of(tensor: Tensor) -> Tensor:
    """Return each channel's scale, rounded up to 12 bits; (C, 1, ...).

    127 such scales are a float32 number exactly, so that the same scale is found again in what was
    rounded by it. A channel of zeros has scale 1.
    """
    largest = tensor.abs().amax(dim=tuple(range(1, tensor.ndim)), keepdim=True)
    scale = torch.where(largest > 0, largest / LARGEST, torch.ones_like(largest))
    bits = scale.view(torch.int32)
    return ((bits + (COARSE - 1)) & -COARSE).view(torch.float32)
