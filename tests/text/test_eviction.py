import os
from pathlib import Path

import pytest
import torch

from minimagen.errors import UsageError
from minimagen.text.eviction import evict, list_held
from minimagen.text.store import Embedded, EmbeddingCache, Known

ONE, OTHER = Known("one", 64), Known("other", 64)


@pytest.fixture
def filled(tmp_path: Path) -> EmbeddingCache:
    """Two segments of one encoder, used at times 1 and 3, and one of another, used at 2."""
    cache = EmbeddingCache(tmp_path)
    for used, known, name in ((1, ONE, "old"), (2, OTHER, "middle"), (3, ONE, "new")):
        tokens = torch.full((100, 64), used + 0.001)
        segment = cache.write(known, {name: Embedded(tokens, False)})
        assert segment.path is not None
        os.utime(segment.path, (used, used))
    return cache


def test_the_list_says_what_is_there_the_last_used_first(filled: EmbeddingCache) -> None:
    held = list_held(filled)
    assert [(one.identity, one.captions, one.used) for one in held] == [
        ("one", 2, 3),
        ("other", 1, 2),
    ]
    assert 2 * 25_600 < held[0].size < 2 * 26_600


@pytest.mark.parametrize(("limit", "left"), [(60_000, "middle new"), (30_000, "new"), (0, "")])
def test_what_was_used_longest_ago_goes_first(
    filled: EmbeddingCache, limit: int, left: str
) -> None:
    assert evict(filled, limit) > 0
    kept = [name for name in ("old", "middle", "new") if not missing(filled, name)]
    assert kept == left.split()
    assert sum(one.size for one in list_held(filled)) <= limit
    assert evict(filled, limit) == 0


def missing(cache: EmbeddingCache, name: str) -> bool:
    return all(cache.open(known).missing([name]) for known in (ONE, OTHER))


def test_one_encoder_can_be_emptied_alone(filled: EmbeddingCache) -> None:
    name = list_held(filled)[0].name
    evict(filled, 0, name[:8])
    assert [one.captions for one in list_held(filled)] == [1, 0]
    with pytest.raises(UsageError, match="--ENCODER zz: 0 encoders"):
        evict(filled, 0, "zz")


def test_a_run_that_reads_goes_on_after_its_rows_were_removed(filled: EmbeddingCache) -> None:
    rows = filled.open(ONE).rows
    evict(filled, 0)
    assert rows.read(rows.find(["new"]))[0][0, 0, 0] == pytest.approx(3.001)


def test_an_empty_cache_and_none_at_all_list_nothing(tmp_path: Path) -> None:
    assert list_held(EmbeddingCache(tmp_path)) == []
    (tmp_path / "file").write_text("in the way")
    assert list_held(EmbeddingCache(tmp_path / "file")) == []
