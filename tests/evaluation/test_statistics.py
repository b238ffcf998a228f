from pathlib import Path

import pytest
import torch

from minimagen.errors import DataError
from minimagen.evaluation.statistics import Statistics

DRAWS = torch.Generator().manual_seed(0)
FEATURES = torch.randn(60, 5, generator=DRAWS) @ torch.randn(5, 5, generator=DRAWS) + 1000.0


def same(a: Statistics, b: Statistics) -> bool:
    """1e-9 of a variance of about 5: rounding of float64 at a mean of 1,000."""
    return (
        a.count == b.count
        and torch.allclose(a.mean, b.mean, rtol=1e-12)
        and torch.allclose(a.covariance, b.covariance, atol=1e-9)
    )


def test_they_are_the_mean_and_the_unbiased_covariance() -> None:
    whole = Statistics.of(FEATURES)
    assert (whole.count, whole.width) == (60, 5)
    assert torch.allclose(whole.covariance, torch.cov(FEATURES.double().T), atol=1e-9)


@pytest.mark.parametrize("sizes", [(30, 30), (1, 59), (1, 1, 58), (7, 11, 13, 29)])
def test_parts_put_together_are_the_whole(sizes: tuple[int, ...]) -> None:
    first, *others = FEATURES.split(sizes)
    found = Statistics.of(first)
    for part in others:
        found = found.update(part)
    assert same(found, Statistics.of(FEATURES))


def test_a_file_holds_them_to_the_last_bit_and_equal_ones_are_equal_files(tmp_path: Path) -> None:
    whole = Statistics.of(FEATURES)
    for name in ("a", "b"):
        whole.save(tmp_path / name)
    read = Statistics.read(tmp_path / "a")
    assert read.count == whole.count
    assert torch.equal(read.mean, whole.mean)
    assert torch.equal(read.covariance, whole.covariance)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("content", [b"", b"no tensors", b"\xff" * 64])
def test_another_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wrong.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"wrong\.safetensors: cannot be read; give") as caught:
        Statistics.read(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="no such file"):
        Statistics.read(tmp_path / "absent")
