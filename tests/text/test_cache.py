import errno
import logging
import multiprocessing
import os
import shutil
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from minimagen.cache import cache_directory
from minimagen.errors import ConfigError
from minimagen.text.cache import embed_captions
from minimagen.text.encoders import T5Config, load_encoder
from minimagen.text.store import Embedded, EmbeddingCache, Known
from tests.tiny_runs import files_of as files_of_run
from tests.tiny_runs import tiny_run

CAPTIONS = ["a red circle", "a blue square above a ring", "", "a red circle"]


def test_a_table_gives_what_the_encoder_gives(cache: EmbeddingCache) -> None:
    config = T5Config()
    table = embed_captions(config, CAPTIONS, cache=cache)
    exact, looked_up = load_encoder(config).encode(CAPTIONS), table(CAPTIONS)
    assert torch.equal(looked_up.tokens, exact.tokens)
    assert torch.equal(looked_up.mask, exact.mask)
    assert (len(table), table.width) == (3, exact.tokens.shape[2])


def test_a_batch_is_padded_to_its_own_longest_caption(cache: EmbeddingCache) -> None:
    table = embed_captions(T5Config(), CAPTIONS, cache=cache)
    assert table(["a red circle"]).mask.shape == (1, 4)
    assert table([""]).mask.tolist() == [[False]]
    assert table([]).tokens.shape == (0, 1, table.width)


def test_an_unseen_caption_is_a_key_error(cache: EmbeddingCache) -> None:
    with pytest.raises(KeyError):
        embed_captions(T5Config(), CAPTIONS, cache=cache)(["a green star"])


def test_cut_captions_are_counted_from_the_cache_too(cache: EmbeddingCache) -> None:
    config = T5Config(max_tokens=6)
    assert embed_captions(config, CAPTIONS, cache=cache).cut == 1
    assert embed_captions(config, CAPTIONS, cache=cache).cut == 1


def test_a_full_cache_needs_no_encoder(t5_directory: Path, cache: EmbeddingCache) -> None:
    config = T5Config(name=str(t5_directory))
    first = embed_captions(config, CAPTIONS, cache=cache)(CAPTIONS)
    (t5_directory / "model.safetensors").rename(t5_directory.with_name("kept"))
    shutil.rmtree(t5_directory)
    again = embed_captions(config, CAPTIONS, cache=cache)(CAPTIONS)
    assert torch.equal(first.tokens, again.tokens)
    with pytest.raises(ConfigError):
        embed_captions(config, ["a caption more"], cache=cache)


def test_only_missing_captions_are_embedded(cache: EmbeddingCache) -> None:
    done: list[tuple[int, int]] = []
    for captions in (CAPTIONS, [*CAPTIONS, "a green star"], CAPTIONS):
        embed_captions(
            T5Config(), captions, cache=cache, progress=lambda now, of: done.append((now, of))
        )
    assert done == [(3, 3), (1, 1)]


def files_of(directory: Path, pattern: str) -> list[Path]:
    """Return the files of a cache; there is one encoder in it."""
    return sorted(directory.glob(f"embeddings/*/{pattern}"))


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path, Path], object]] = {
    "a bit of the first row": lambda tokens, index: flip(tokens, 3),
    "a bit of the last row": lambda tokens, index: flip(tokens, -1),
    "a bit of the index": lambda tokens, index: flip(index, -30),
    "tokens cut": lambda tokens, index: tokens.write_bytes(tokens.read_bytes()[:-4]),
    "no tokens": lambda tokens, index: tokens.unlink(),
    "no index": lambda tokens, index: index.unlink(),
    "an empty index": lambda tokens, index: index.write_bytes(b""),
    "an index that is none": lambda tokens, index: index.write_bytes(b"not an index" * 99),
    "an index of other rows": lambda tokens, index: index.rename(index.with_name("1-0.npy")),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_row_that_does_not_verify_is_computed_again(
    tmp_path: Path, damage: Callable[[Path, Path], object]
) -> None:
    good = embed_captions(T5Config(), CAPTIONS, cache=EmbeddingCache(tmp_path))(CAPTIONS)
    damage(files_of(tmp_path, "*.f32")[0], files_of(tmp_path, "*.npy")[0])
    table = embed_captions(T5Config(), CAPTIONS, cache=EmbeddingCache(tmp_path))
    assert torch.equal(table(CAPTIONS).tokens, good.tokens)
    assert table.cut == 0


def test_a_bad_row_is_embedded_once_and_good_from_then_on(tmp_path: Path, calls: list[int]) -> None:
    embed_captions(T5Config(), CAPTIONS, cache=EmbeddingCache(tmp_path))
    flip(files_of(tmp_path, "*.f32")[0], 3)
    calls.clear()
    for _ in range(2):
        table = embed_captions(T5Config(), CAPTIONS, cache=EmbeddingCache(tmp_path))
        for _ in range(2):
            table(CAPTIONS)
    assert len(calls) == 1


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count what the real network of the encoder is asked: captions a call."""
    from transformers import T5EncoderModel

    seen: list[int] = []
    real = T5EncoderModel.forward

    def counted(self: T5EncoderModel, **inputs: torch.Tensor) -> object:
        seen.append(len(inputs["input_ids"]))
        return real(self, **inputs)

    monkeypatch.setattr(T5EncoderModel, "forward", counted)
    return seen


def test_the_encoder_is_asked_in_the_first_epoch_of_the_first_run_only(
    tmp_path: Path, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two epochs a run; and the run that reads the cache ends with the bytes of the first."""
    monkeypatch.setenv("MINIMAGEN_CACHE", str(tmp_path / "cache"))
    first = files_of_run(tiny_run(tmp_path / "first", 16, epochs=2))
    assert calls
    calls.clear()
    second = files_of_run(tiny_run(tmp_path / "second", 16, epochs=2))
    assert calls == []
    assert first == second


def test_rows_are_read_from_a_map_and_not_held(tmp_path: Path) -> None:
    """1 MB of 64: what opening and a lookup take stays far below what lies there."""
    cache = EmbeddingCache(tmp_path)
    known = Known("large", 4096)
    for number in range(4):
        rows = {
            f"{number} {i}": Embedded(torch.full((16, 4096), i + 0.1), False) for i in range(64)
        }
        cache.write(known, rows)
    tracemalloc.start()
    shelf = cache.open(known)
    rows_read = shelf.rows.read(shelf.rows.find(["0 1", "3 63"]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows_read[0][1, 0, 0] == np.float32(63.1)
    assert peak < 2**20


def test_what_bfloat16_can_hold_is_kept_in_two_bytes_and_exact(
    t5_directory: Path, tmp_path: Path
) -> None:
    config = T5Config(name=str(t5_directory), dtype="bfloat16")
    exact = load_encoder(config).encode(CAPTIONS)
    for _ in range(2):
        table = embed_captions(config, CAPTIONS, cache=EmbeddingCache(tmp_path))
        assert torch.equal(table(CAPTIONS).tokens, exact.tokens)
    (tokens,) = files_of(tmp_path, "*.bf16")
    distinct = list(dict.fromkeys(CAPTIONS))
    kept = int(load_encoder(config).encode(distinct).mask.sum())
    assert tokens.stat().st_size == 2 * 32 * kept


def test_what_killed_writers_leave_is_not_read_and_swept_when_a_day_old(tmp_path: Path) -> None:
    embed_captions(T5Config(), CAPTIONS, cache=EmbeddingCache(tmp_path))
    (index,) = files_of(tmp_path, "*.npy")
    left = [index.with_name("00000002-ab.f32"), index.with_name("cd.tmp")]
    for age in (0, 2 * 24 * 3600):
        for path in left:
            path.write_bytes(b"half")
            os.utime(path, (time.time() - age,) * 2)
        assert len(embed_captions(T5Config(), CAPTIONS, cache=EmbeddingCache(tmp_path))) == 3
        assert [path.exists() for path in left] == [age == 0] * 2


def test_an_old_cache_is_left_alone_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "embeddings.sqlite").write_bytes(b"old")
    for _ in range(2):
        embed_captions(T5Config(), CAPTIONS, cache=EmbeddingCache(tmp_path))
    assert caplog.text.count("of an earlier version and is not read") == 1
    assert (tmp_path / "embeddings.sqlite").read_bytes() == b"old"


def test_a_file_that_is_no_cache_is_said_once_and_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "embeddings").write_bytes(b"not a directory")
    table = embed_captions(T5Config(), CAPTIONS, cache=EmbeddingCache(tmp_path))
    assert len(table) == 3
    assert table(CAPTIONS).mask.any()
    assert caplog.text.count("no cache of text embeddings") == 1


def test_a_disk_that_is_full_is_said_once_and_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    cache = EmbeddingCache(tmp_path)
    table = embed_captions(T5Config(), CAPTIONS, cache=cache)
    embed_captions(T5Config(), ["a green star"], cache=cache)
    assert table(CAPTIONS).mask.any()
    assert caplog.text.count("no cache of text embeddings") == 1
    assert files_of(tmp_path, "*.f32") == []


def test_a_place_that_cannot_be_made_is_said_once_and_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MINIMAGEN_CACHE", str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING):
        assert len(embed_captions(T5Config(), CAPTIONS)) == 3
    assert caplog.text.count("MINIMAGEN_CACHE") == 1


def test_the_cache_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIMAGEN_CACHE", str(tmp_path / "here"))
    embed_captions(T5Config(), CAPTIONS)
    assert files_of(tmp_path / "here", "*.npy")


@pytest.mark.skipif("sys.platform != 'linux'")
def test_without_home_the_password_file_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "MINIMAGEN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache_directory() == Path.home() / ".cache" / "minimagen"


def write_rows(directory: Path, writer: int) -> None:
    cache = EmbeddingCache(directory)
    for number in range(25):
        tokens = torch.full((3, 4), float(number))
        names = (f"{writer} {number}", f"both {number}")
        cache.write(Known("encoder", 4), {name: Embedded(tokens, False) for name in names})


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    writers = [context.Process(target=write_rows, args=(tmp_path, writer)) for writer in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    names = [f"{who} {number}" for who in (0, 1, 2, "both") for number in range(25)]
    rows = EmbeddingCache(tmp_path).open(Known("encoder", 4)).rows
    places = rows.find(names)
    assert (places >= 0).all()
    assert rows.bad(places).size == 0
    assert rows.read(places)[0][:, 0, 0].tolist() == [int(name.split()[1]) for name in names]


def test_encoders_do_not_share_rows(cache: EmbeddingCache) -> None:
    cache.write(Known("one", 4), {"a": Embedded(torch.zeros(2, 4), False)})
    assert cache.open(Known("other", 4)).missing(["a"]) == ["a"]
    assert cache.open(Known("one", 8)).missing(["a"]) == ["a"]
    assert cache.open(Known("one", 4)).missing(["a"]) == []


def test_a_table_of_nothing_has_a_width(cache: EmbeddingCache) -> None:
    assert embed_captions(T5Config(), [], cache=cache)([]).tokens.shape == (0, 1, 64)
