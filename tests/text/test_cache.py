import logging
import multiprocessing
import shutil
import sqlite3
from pathlib import Path

import pytest
import torch

from minimagen.cache import cache_directory
from minimagen.errors import ConfigError
from minimagen.text.cache import EmbeddingTable, embed_captions
from minimagen.text.encoders import T5Config, load_encoder
from minimagen.text.store import Embedded, EmbeddingCache

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


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE embeddings SET tokens = zeroblob(length(tokens))",
        "UPDATE embeddings SET tokens = substr(tokens, 5)",
        "UPDATE embeddings SET length = length + 1",
        "UPDATE embeddings SET is_cut = 1",
        "UPDATE embeddings SET tokens = NULL",
        "UPDATE embeddings SET checksum = NULL",
    ],
)
def test_a_row_that_does_not_verify_is_computed_again(tmp_path: Path, damage: str) -> None:
    good = embed_captions(T5Config(), CAPTIONS, cache=EmbeddingCache(tmp_path))(CAPTIONS)
    with sqlite3.connect(tmp_path / "embeddings.sqlite") as database:
        assert database.execute(damage).rowcount == 3
    database.close()
    table = embed_captions(T5Config(), CAPTIONS, cache=EmbeddingCache(tmp_path))
    assert torch.equal(table(CAPTIONS).tokens, good.tokens)
    assert table.cut == 0


def test_a_file_that_is_no_database_is_said_once_and_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "embeddings.sqlite").write_bytes(b"not a database" * 1000)
    with caplog.at_level(logging.WARNING):
        table = embed_captions(T5Config(), CAPTIONS, cache=EmbeddingCache(tmp_path))
    assert len(table) == 3
    assert caplog.text.count("no cache of text embeddings") == 1


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
    assert (tmp_path / "here" / "embeddings.sqlite").is_file()


@pytest.mark.skipif("sys.platform != 'linux'")
def test_without_home_the_password_file_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "MINIMAGEN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache_directory() == Path.home() / ".cache" / "minimagen"


def write_rows(directory: Path, writer: int) -> None:
    cache = EmbeddingCache(directory)
    for number in range(25):
        tokens = torch.full((3, 4), float(number))
        cache.write(
            "encoder",
            {
                f"{writer} {number}": Embedded(tokens, False),
                f"both {number}": Embedded(tokens, False),
            },
        )


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context(
        "spawn" if not hasattr(__import__("os"), "fork") else "fork"
    )
    writers = [context.Process(target=write_rows, args=(tmp_path, writer)) for writer in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    names = [f"{who} {number}" for who in (0, 1, 2, "both") for number in range(25)]
    rows = EmbeddingCache(tmp_path).read("encoder", 4, names)
    assert len(rows) == 100
    assert all(float(row.tokens[0, 0]) == int(name.split()[1]) for name, row in rows.items())


def test_encoders_do_not_share_rows(cache: EmbeddingCache) -> None:
    cache.write("one", {"a": Embedded(torch.zeros(2, 4), False)})
    assert cache.read("other", 4, ["a"]) == {}
    assert cache.read("one", 8, ["a"]) == {}


def test_a_table_of_nothing_has_a_width() -> None:
    assert EmbeddingTable({}, 8)([]).tokens.shape == (0, 1, 8)
