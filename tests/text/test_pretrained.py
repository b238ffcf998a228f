"""Models as they are on the Hub give what transformers itself makes of them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from minimagen.errors import ConfigError
from minimagen.text.encoders import (
    ClipConfig,
    T5Config,
    TextEncoder,
    encoder_identity,
    encoder_width,
    load_encoder,
)
from tests.text.pretrained import clip_tokenizer, save_clip, save_t5, trained_spiece

CAPTIONS = ["a pink flower", "two red circles above a blue square", "the old dog is happy and wet"]
ROUNDING = 1e-5  # float32 sums over padding of another length


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("clip")
    save_clip(directory)
    return directory


def rows(encoder: TextEncoder, captions: list[str]) -> list[Tensor]:
    text = encoder.encode(captions)
    assert not text.tokens[~text.mask].any()
    return [tokens[mask] for tokens, mask in zip(text.tokens, text.mask, strict=True)]


def closely(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("family", ["t5", "mt5", "umt5"])
def test_embeddings_are_transformers_own(tmp_path: Path, family: str) -> None:
    """Up to ROUNDING: theirs are made one caption at a time, without padding."""
    from transformers import T5Tokenizer

    model = save_t5(tmp_path / family, family, trained_spiece())
    theirs = T5Tokenizer.from_pretrained(tmp_path / family)
    ours = rows(load_encoder(T5Config(name=str(tmp_path / family))), CAPTIONS)
    for caption, row in zip(CAPTIONS, ours, strict=True):
        with torch.no_grad():
            closely(row, model(**theirs(caption, return_tensors="pt")).last_hidden_state[0])


def clip_output(directory: Path, caption: str) -> Any:
    from transformers import CLIPTextModel

    model = CLIPTextModel.from_pretrained(directory, attn_implementation="eager").eval()
    ids = torch.tensor([clip_tokenizer().encode(caption).ids])
    with torch.no_grad():
        return model(input_ids=ids, output_hidden_states=True)


@pytest.mark.parametrize("layer", ["last", "penultimate"])
@pytest.mark.parametrize("pooled", [True, False])
def test_clip_s_tokens_are_transformers_own_and_the_pooled_one_comes_last(
    clip: Path, layer: str, pooled: bool
) -> None:
    config = ClipConfig(name=str(clip), layer=layer, pooled=pooled)
    for caption, row in zip(CAPTIONS, rows(load_encoder(config), CAPTIONS), strict=True):
        theirs = clip_output(clip, caption)
        tokens = theirs.last_hidden_state if layer == "last" else theirs.hidden_states[-2]
        closely(row[:-1] if pooled else row, tokens[0])
        if pooled:
            closely(row[-1], theirs.pooler_output[0])


def test_a_clip_with_its_picture_half_is_read_for_its_text_half(tmp_path: Path) -> None:
    model = save_clip(tmp_path, whole=True)
    config = ClipConfig(name=str(tmp_path), pooled=False, layer="last")
    [row] = rows(load_encoder(config), CAPTIONS[:1])
    ids = torch.tensor([clip_tokenizer().encode(CAPTIONS[0]).ids])
    with torch.no_grad():
        closely(row, model(input_ids=ids).last_hidden_state[0])
    assert encoder_width(config) == 32


def test_company_changes_nothing_of_a_clip_embedding_to_the_last_bit(clip: Path) -> None:
    encoder = load_encoder(ClipConfig(name=str(clip)))
    company = [f"{number} circles " * (1 + number % 9) for number in range(40)]
    for alone, among in zip(
        rows(encoder, CAPTIONS), rows(encoder, [*company, *CAPTIONS])[40:], strict=True
    ):
        assert torch.equal(alone, among)


def test_a_long_caption_ends_a_clip_s_77_tokens_with_its_end(clip: Path) -> None:
    encoder = load_encoder(ClipConfig(name=str(clip), pooled=False))
    long = "circle " * 10_000
    assert encoder.is_cut([CAPTIONS[0], long]) == [False, True]
    assert encoder.encode([long]).mask.sum() == 77
    assert len(encoder.spans(long)) == 77


def test_spans_are_the_places_of_the_words(clip: Path) -> None:
    caption = "a pink flower"
    begin, *words, end, pooled = load_encoder(ClipConfig(name=str(clip))).spans(caption)
    assert (begin, end, pooled) == ((0, 0), (13, 13), (13, 13))
    assert "".join(caption[start:stop] for start, stop in words) == "apinkflower"
    *pieces, end = load_encoder(T5Config()).spans(caption)
    assert [caption[start:stop] for start, stop in pieces] == ["a", "pink", "flower"]
    assert end == (13, 13)


def test_each_setting_of_a_clip_is_another_identity(clip: Path) -> None:
    name = str(clip)
    configs = [
        ClipConfig(name=name),
        ClipConfig(name=name, layer="last"),
        ClipConfig(name=name, pooled=False),
        ClipConfig(name=name, max_tokens=8),
        ClipConfig(name=name, dtype="bfloat16"),
    ]
    assert len({encoder_identity(config) for config in configs}) == len(configs)


def test_t5_tiny_is_called_what_it_was_always_called() -> None:
    """Caches and runs of earlier versions hang on this line."""
    from transformers import __version__

    parts = encoder_identity(T5Config()).split(" ", 2)
    weights = "sha256:a3e44d99aaa70f420ba7496c98e733431507a5c189d14ab89579ee44be9ba517"
    assert (parts[0], parts[1]) == ("t5", weights)
    assert parts[2] == f"float32 64 tokens transformers {__version__} eager"


def test_a_t5_is_no_clip_and_says_what_is(tmp_path: Path) -> None:
    save_t5(tmp_path / "t5", "t5", trained_spiece())
    with pytest.raises(ConfigError, match="model_type 't5'; allowed are clip, clip_text_model"):
        load_encoder(ClipConfig(name=str(tmp_path / "t5")))


def test_weights_that_give_no_numbers_are_told(tmp_path: Path) -> None:
    model = save_clip(tmp_path)
    model.final_layer_norm.weight.data[0] = float("nan")
    model.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="embeddings are not finite"):
        load_encoder(ClipConfig(name=str(tmp_path))).encode(["a red circle"])
