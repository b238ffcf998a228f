"""A T5 that any test can afford: random weights and a real sentencepiece file."""

from pathlib import Path

import pytest
import torch

from minimagen.text.build_t5_tiny import build
from minimagen.text.everyday import everyday_captions
from minimagen.text.store import EmbeddingCache
from minimagen.text.vocabulary import train_unigram

CAPTIONS = ["a red circle", "a blue square", "two green stars above a ring", "a pink flower"]


@pytest.fixture(scope="session")
def spiece() -> bytes:
    """A sentencepiece model of 400 pieces, trained here."""
    source = everyday_captions(1)
    return train_unigram([next(source) for _ in range(300)], size=400)


@pytest.fixture
def t5_directory(tmp_path: Path, spiece: bytes) -> Path:
    """A directory with config.json, weights and spiece.model only, as T5 v1.1 is on the Hub."""
    from transformers import T5Config, T5EncoderModel

    settings = T5Config(vocab_size=512, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        T5EncoderModel(settings).save_pretrained(tmp_path / "t5")
    (tmp_path / "t5" / "spiece.model").write_bytes(spiece)
    return tmp_path / "t5"


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    return EmbeddingCache(tmp_path / "cache")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What three steps of building leave behind."""
    directory = tmp_path_factory.mktemp("built")
    build(everyday_captions(2), directory, steps=3, seed=0, pool=1500)
    return directory
