"""The page that shows how to add a text encoder is run as it stands."""

from typing import Any

import pytest
import torch

from minimagen.models.attention import TextReader
from minimagen.text.cache import embed_captions
from minimagen.text.encoders import ENCODERS, TextEncoder, encoder_width, find_encoder
from minimagen.text.store import EmbeddingCache
from tests.conftest import ROOT

PAGE = (ROOT / "docs/how-to/add-a-text-encoder.md").read_text(encoding="utf-8")
CAPTIONS = ["a red circle", "", "x" * 200]


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the page's configuration, its kind being in the table."""
    page: dict[str, Any] = {"__name__": "letters"}
    exec(PAGE.split("```python\n")[1].split("```")[0], page)
    monkeypatch.setitem(ENCODERS, "letters", page["Letters"])
    return page["LettersConfig"]()


def test_the_encoder_on_the_page_does_what_an_encoder_does(config: Any) -> None:
    encoder: TextEncoder = find_encoder(config).load()
    text = encoder.encode(CAPTIONS)
    assert text.mask.sum(dim=1).tolist() == [12, 0, 77]
    assert encoder.is_cut(CAPTIONS) == [False, False, True]
    assert [len(encoder.spans(caption)) for caption in CAPTIONS] == [12, 0, 77]
    assert torch.equal(encoder.encode(CAPTIONS[:1]).tokens[0], text.tokens[0, :12])


def test_its_captions_are_cached_and_read_by_a_network(config: Any, cache: EmbeddingCache) -> None:
    first, again = (embed_captions(config, CAPTIONS, cache=cache) for _ in range(2))
    assert torch.equal(first(CAPTIONS).tokens, again(CAPTIONS).tokens)
    reader = TextReader(encoder_width(config), width=8, embedding=8)
    assert reader(first(CAPTIONS))[0].tokens.shape == (3, 78, 8)


@pytest.fixture
def cache(tmp_path: Any) -> EmbeddingCache:
    return EmbeddingCache(tmp_path)
