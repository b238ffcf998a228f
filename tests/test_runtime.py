import sys

import pytest
import torch

from minimagen.diffusion.schedules import CosineSchedule
from minimagen.errors import UsageError
from minimagen.runtime import autocast, keep_freed_memory, pick_device, pick_precision


def test_a_named_device_is_that_device() -> None:
    assert pick_device("cpu") == torch.device("cpu")


def test_the_best_device_is_one_that_works() -> None:
    assert torch.zeros(1, device=pick_device()).item() == 0


@pytest.mark.parametrize("name", ["cuda:99", "banana", "", "cpu:x", "xpu", "hpu", "mps:7", "meta"])
def test_a_device_that_is_not_here_is_wrong_use(name: str) -> None:
    with pytest.raises(
        UsageError, match=f"--DEVICE {name}: not on this machine; here there is cpu"
    ):
        pick_device(name)


def test_precision_on_a_cpu_is_float32_unless_asked_for() -> None:
    assert pick_precision(None, torch.device("cpu")) == "no"
    assert pick_precision("bf16", torch.device("cpu")) == "bf16"


def test_only_the_network_is_cast() -> None:
    """Under bf16 a matrix product is bf16; a schedule's arithmetic stays float32, bit for bit."""
    t, x = torch.linspace(0, 1, 9), torch.eye(3)
    plain = CosineSchedule().at(t, like=x)
    with autocast(torch.device("cpu"), "bf16"):
        assert (x @ x).dtype == torch.bfloat16
        at = CosineSchedule().at(t, like=x)
    assert torch.equal(at.alpha, plain.alpha)
    assert at.log_snr.dtype == torch.float32


def test_no_precision_casts_nothing() -> None:
    with autocast(torch.device("cpu"), "no"):
        assert (torch.eye(3) @ torch.eye(3)).dtype == torch.float32


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is asked")
def test_kept_memory_is_there_again_without_its_pages_being_cleared() -> None:
    """Of 40 pieces of 16 MiB, one after the other; a quarter is room for what else goes on."""
    from resource import RUSAGE_SELF, getpagesize, getrusage

    if not keep_freed_memory():
        pytest.skip("no glibc")
    torch.ones(2**22)
    before = getrusage(RUSAGE_SELF).ru_minflt
    for _ in range(40):
        torch.ones(2**22)
    cleared = (getrusage(RUSAGE_SELF).ru_minflt - before) * getpagesize()
    assert cleared < 10 * 2**24
