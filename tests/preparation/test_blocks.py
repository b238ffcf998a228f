import tarfile
from itertools import groupby
from pathlib import Path

import pytest

from minimagen.preparation.blocks import Limits, Shards, Subfolders, numbered
from minimagen.preparation.encoding import Sample


def samples(*sizes: int) -> list[Sample]:
    return [Sample(i, "jpg", bytes(n), ("a",), f"{i}", (1, 1)) for i, n in enumerate(sizes)]


def counts(sizes: tuple[int, ...], limits: Limits) -> list[int]:
    placed = numbered(samples(*sizes), Subfolders(), limits, first=0)
    return [len(list(group)) for _, group in groupby(placed, lambda pair: pair[0])]


@pytest.mark.parametrize(
    ("sizes", "limits", "expected"),
    [
        ((10,) * 7, Limits(3, 1000), [3, 3, 1]),
        ((10,) * 7, Limits(100, 40), [4, 3]),
        ((30, 30, 5, 500, 5), Limits(100, 40), [1, 2, 1, 1]),  # the large one stands alone
        ((), Limits(3, 3), []),
    ],
)
def test_blocks_are_full_at_the_first_limit(
    sizes: tuple[int, ...], limits: Limits, expected: list[int]
) -> None:
    assert counts(sizes, limits) == expected


def test_a_shard_says_nothing_of_where_and_when_it_was_made(tmp_path: Path) -> None:
    Shards().write(tmp_path / "a.tar", samples(10, 2000))
    Shards().write(tmp_path / "b.tar", samples(10, 2000))
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {
        (0, 0, 0, "", "", 0o644)
    }


def test_a_shard_is_as_large_as_its_samples_and_its_end(tmp_path: Path) -> None:
    """A tar file ends with two empty blocks and is filled up to whole records."""
    some = samples(10, 2000, 512)
    Shards().write(tmp_path / "a.tar", some)
    exact = sum(map(Shards().bytes_of, some)) + 2 * tarfile.BLOCKSIZE
    assert (tmp_path / "a.tar").stat().st_size == -(
        -exact // tarfile.RECORDSIZE
    ) * tarfile.RECORDSIZE
