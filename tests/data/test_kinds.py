"""The same pictures train alike, whatever they are brought in."""

import pickle
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest
import torch

from minimagen.data.items import Source
from minimagen.data.sources import DataConfig, open_source
from minimagen.data.stream import Batch, batches, consecutive
from tests.data.pictures_at_hand import LAYOUTS, Item, digits_and_photographs

pytest.importorskip("sklearn")
pytest.importorskip("datasets")


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return digits_and_photographs()


def opened(dataset: object) -> Source:
    source, rejections = open_source(DataConfig(dataset=str(dataset)), check_size=16)
    assert rejections == []
    return source


def stream(source: Source) -> Iterator[Batch]:
    return batches(
        source,
        range(len(source)),
        size=16,
        plan=consecutive(8),
        seed=5,
        stage=1,
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_digits_and_photographs_give_the_same_batches_from_every_layout(
    tmp_path: Path, items: Sequence[Item], layout: str
) -> None:
    """Over two epochs and to the last bit: the bytes of the files are the same."""
    expected = stream(opened(LAYOUTS["folder"](tmp_path / "first", items)))
    found = stream(opened(LAYOUTS[layout](tmp_path / "second", items)))
    for a, b in islice(zip(expected, found, strict=True), 2 * len(items) // 8):
        assert (a.numbers, a.captions) == (b.numbers, b.captions)
        assert torch.equal(a.images, b.images)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_kind_survives_being_sent_to_a_worker(
    tmp_path: Path, items: Sequence[Item], layout: str
) -> None:
    source = opened(LAYOUTS[layout](tmp_path, items))
    sent: Source = pickle.loads(pickle.dumps(source))
    assert sent.captions(21) == source.captions(21)
    assert (sent.picture(21, 8) == source.picture(21, 8)).all()


def test_the_log_says_what_a_data_set_was_taken_for(tmp_path: Path, items: Sequence[Item]) -> None:
    notes = {name: opened(make(tmp_path, items)).notes[0] for name, make in LAYOUTS.items()}
    assert {name: note.partition("taken for ")[2] for name, note in notes.items()} == {
        "folder": "a folder with metadata.jsonl",
        "table": "a table in jsonl",
        "parquet": "a table in parquet",
        "tar": "tar shards, 3 of them",
        "saved": "a saved data set, pictures in image, captions in text",
    }


def test_one_of_several_captions_is_drawn_for_each_sample_and_all_get_their_turn(
    tmp_path: Path, items: Sequence[Item]
) -> None:
    """In 12 epochs both captions of a photograph come but for one chance in 2048."""
    source = opened(LAYOUTS["folder"](tmp_path, items))
    heard = [caption for batch in islice(stream(source), 33) for caption in batch.captions]
    again = [caption for batch in islice(stream(source), 33) for caption in batch.captions]
    assert heard == again
    for item in items[-2:]:
        assert all(heard.count(caption) > 0 for caption in item.captions)
        assert sum(heard.count(caption) for caption in item.captions) == 12
