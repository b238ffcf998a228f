"""Weights in fewer bits: how far they move, and that they move only once."""

import pytest
import torch
from torch import Tensor

from minimagen.errors import UsageError
from minimagen.packing import DTYPES, SCALE, Dtype, packed, unpacked


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    """Return the kinds of tensors a network has, and one channel that is all zeros."""
    source = torch.Generator().manual_seed(0)
    kernel = torch.randn(24, 8, 3, 3, generator=source) * torch.logspace(-3, 3, 24).view(
        24, 1, 1, 1
    )
    kernel[5] = 0
    return {
        "kernel": kernel,
        "matrix": torch.randn(7, 33, generator=source),
        "narrow": torch.randn(64, 2, generator=source),
        "bias": torch.randn(24, generator=source),
    }


@pytest.mark.parametrize("dtype", DTYPES)
def test_packing_what_was_unpacked_changes_nothing(
    dtype: Dtype, tensors: dict[str, Tensor]
) -> None:
    """So a cascade that is handed on again and again stays what it was."""
    once = packed(tensors, dtype)
    twice = packed(unpacked(once), dtype)
    assert once.keys() == twice.keys()
    assert all(torch.equal(once[name], twice[name]) for name in once)


@pytest.mark.parametrize(("dtype", "bits"), [("fp32", 24), ("bf16", 8), ("fp16", 11)])
def test_a_number_moves_by_at_most_half_its_last_bit(
    dtype: Dtype, bits: int, tensors: dict[str, Tensor]
) -> None:
    del tensors["kernel"]  # some of its numbers are so small that half precision has fewer bits
    for name, tensor in unpacked(packed(tensors, dtype)).items():
        assert ((tensor - tensors[name]).abs() <= tensors[name].abs() * 2.0**-bits).all()


def test_eight_bits_move_a_number_by_at_most_half_a_127th_of_its_channels_largest(
    tensors: dict[str, Tensor],
) -> None:
    """Each channel apart; 2^-11 is what a scale was rounded up by."""
    moved = unpacked(packed(tensors, "int8"))
    for name in ("kernel", "matrix"):
        largest = tensors[name].flatten(1).abs().amax(1, keepdim=True)
        error = (moved[name] - tensors[name]).flatten(1).abs()
        assert (error <= largest / 127 / 2 * (1 + 2**-11)).all()
    assert torch.equal(moved["bias"], tensors["bias"])
    assert torch.equal(moved["narrow"], tensors["narrow"])


def test_eight_bits_are_a_quarter(tensors: dict[str, Tensor]) -> None:
    stored = packed({"kernel": tensors["kernel"]}, "int8")
    assert stored["kernel"].dtype == torch.int8
    assert stored["kernel" + SCALE].shape == (24, 1, 1, 1)


def test_what_half_precision_cannot_hold_is_refused_by_name() -> None:
    tensors = {"fine": torch.ones(2), "loud": torch.tensor([1e6])}
    with pytest.raises(UsageError, match=r"--DTYPE fp16: loud has numbers beyond its range"):
        packed(tensors, "fp16")
    assert unpacked(packed(tensors, "bf16"))["loud"].item() == pytest.approx(1e6, rel=2**-8)
