import logging
import shutil
from pathlib import Path

import pytest
import torch

from minimagen.config import dump, parse
from minimagen.errors import ConfigError
from minimagen.text.encoders import (
    T5Config,
    TextEncoder,
    describe,
    encoder_identity,
    encoder_width,
    load_encoder,
)
from minimagen.text.locate import bundled_directory

CAPTIONS = ["a red circle", "a small blue square at the top left", "a photo of a chinese temple"]
AWKWARD = {
    "10,000 words": "circle " * 10_000,
    "NUL": "a\x00red circle",
    "lone surrogate": "a red \ud800 circle",
    "right to left": "עיגול אדום",
    "emoji": "a 😀👩‍👩‍👧 face",
    "end of sequence": "a red </s> circle",
    "padding": "<pad><pad>",
    "sentinel": "<extra_id_3> circle",
    "byte": "<0x41>",
    "markup": "<b>bold</b> & 'quoted' \"words\" 100%",
}


@pytest.fixture(scope="module")
def tiny() -> TextEncoder:
    return load_encoder(T5Config())


@pytest.mark.parametrize("caption", AWKWARD.values(), ids=AWKWARD.keys())
def test_any_string_is_embedded(tiny: TextEncoder, caption: str) -> None:
    text = tiny.encode([caption])
    assert text.tokens.isfinite().all()
    assert 1 < text.mask.sum() <= 64


@pytest.mark.parametrize("caption", ["", "   ", "\n\t", "\x00"])
def test_an_empty_caption_is_null_text(tiny: TextEncoder, caption: str) -> None:
    text = tiny.encode([caption, "a red circle"])
    assert text.mask.sum(dim=1).tolist() == [0, 4]
    assert not text.tokens[0].any()
    assert tiny.encode([caption]).tokens.shape == (1, 1, tiny.width)


def test_no_captions_are_an_empty_batch(tiny: TextEncoder) -> None:
    assert tiny.encode([]).tokens.shape == (0, 1, tiny.width)


def test_markup_in_a_caption_does_not_end_it(tiny: TextEncoder) -> None:
    tokens = tiny.encode(["a </s> red circle"]).mask.sum()
    assert tokens > tiny.encode(["a red circle"]).mask.sum()


def test_an_embedding_depends_on_its_caption_alone_to_the_last_bit(tiny: TextEncoder) -> None:
    """Calls have fixed shapes, so even rounding does not tell the company a caption was in."""
    company = [f"{number} circles " * (1 + number % 9) for number in range(40)]
    alone = tiny.encode(CAPTIONS[:1]).tokens[0]
    among = tiny.encode([*company, *CAPTIONS])
    assert torch.equal(among.tokens[40, : len(alone)], alone)


def test_padding_is_zero_and_changes_nothing(tiny: TextEncoder) -> None:
    """1e-5: float32 rounding of sums of another length, seen on a network run without padding."""
    from transformers import T5EncoderModel

    model = T5EncoderModel.from_pretrained(bundled_directory(), attn_implementation="eager").eval()
    text = tiny.encode(CAPTIONS)
    assert not text.tokens[~text.mask].any()
    for caption, tokens, mask in zip(CAPTIONS, text.tokens, text.mask, strict=True):
        from tokenizers import Tokenizer

        ids = Tokenizer.from_file(str(bundled_directory() / "tokenizer.json")).encode(caption).ids
        with torch.no_grad():
            exact = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        torch.testing.assert_close(tokens[mask], exact, atol=1e-5, rtol=0)


def test_long_captions_are_cut_and_counted_and_keep_their_end() -> None:
    short = load_encoder(T5Config(max_tokens=5))
    captions = ["a red circle", "a red circle above", "a red circle above a blue square"]
    assert short.is_cut(captions) == [False, False, True]
    text = short.encode(captions)
    assert text.mask.sum(dim=1).tolist() == [4, 5, 5]
    assert torch.equal(text.tokens[1], short.encode(["a red circle above"]).tokens[0])
    assert torch.equal(text.tokens[2], text.tokens[1])


def test_a_directory_with_only_spiece_model_loads_and_agrees_with_sentencepiece(
    t5_directory: Path, spiece: bytes
) -> None:
    from sentencepiece import SentencePieceProcessor
    from transformers import T5EncoderModel

    ids = SentencePieceProcessor(model_proto=spiece).encode("a pink flower")
    with torch.no_grad():
        model = T5EncoderModel.from_pretrained(t5_directory, attn_implementation="eager").eval()
        expected = model(input_ids=torch.tensor([[*ids, 1]])).last_hidden_state[0]
    text = load_encoder(T5Config(name=str(t5_directory))).encode(["a pink flower"])
    # 1e-5: float32 rounding of sums over padding
    torch.testing.assert_close(text.tokens[0], expected, atol=1e-5, rtol=0)


def test_a_copy_of_t5_tiny_loads_by_path_and_is_the_same_encoder(
    tiny: TextEncoder, tmp_path: Path
) -> None:
    copy = shutil.copytree(bundled_directory(), tmp_path / "copy")
    config = T5Config(name=str(copy))
    assert encoder_identity(config) == encoder_identity(T5Config())
    assert torch.equal(load_encoder(config).encode(CAPTIONS).tokens, tiny.encode(CAPTIONS).tokens)


def test_bfloat16_gives_float32_embeddings_close_to_the_exact_ones(t5_directory: Path) -> None:
    """0.1: bfloat16 keeps 8 bits, and features have unit scale."""
    exact = load_encoder(T5Config(name=str(t5_directory))).encode(["a pink flower"])
    rounded = load_encoder(T5Config(name=str(t5_directory), dtype="bfloat16")).encode(
        ["a pink flower"]
    )
    assert rounded.tokens.dtype == torch.float32
    assert (rounded.tokens - exact.tokens).abs().mean() < 0.1


def test_identity_tells_apart_all_that_changes_the_output(t5_directory: Path) -> None:
    configs = [
        T5Config(),
        T5Config(max_tokens=32),
        T5Config(dtype="bfloat16"),
        T5Config(name=str(t5_directory)),
    ]
    identities = [encoder_identity(config) for config in configs]
    assert len(set(identities)) == len(identities)
    assert load_encoder(configs[1]).identity == identities[1]


def test_other_weights_are_another_identity(t5_directory: Path) -> None:
    before = encoder_identity(T5Config(name=str(t5_directory)))
    weights = t5_directory / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    assert encoder_identity(T5Config(name=str(t5_directory))) != before


def test_width_is_known_without_loading(tiny: TextEncoder, t5_directory: Path) -> None:
    (t5_directory / "model.safetensors").unlink()
    assert encoder_width(T5Config(name=str(t5_directory))) == 32
    assert encoder_width(T5Config()) == tiny.width


def test_captions_in_a_script_the_encoder_lacks_are_warned_of(
    t5_directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """transformers' T5 class has no byte fallback, so these become unknown tokens."""
    encoder = load_encoder(T5Config(name=str(t5_directory)))
    with caplog.at_level(logging.WARNING):
        encoder.encode(["a red circle", "日 本 語"])
    assert "1 of 2 captions are mostly unknown" in caplog.text


def test_t5_tiny_says_what_it_is_good_for() -> None:
    assert "shapes" in describe(T5Config())


def test_the_configuration_survives_json() -> None:
    config = T5Config(name="small1.1", max_tokens=32, dtype="bfloat16", revision="main")
    assert parse(T5Config, dump(config), "here") == config


@pytest.mark.parametrize(
    "wrong", ['"max_tokens": 1', '"max_tokens": 513', '"dtype": "float16"', '"name": ""']
)
def test_impossible_settings_are_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong.split('"')[1]):
        parse(T5Config, f"{{{wrong}}}", "imagen_params.json")


def test_weights_of_another_network_are_refused(t5_directory: Path) -> None:
    from safetensors.torch import save_file

    save_file(
        {"linear.weight": torch.zeros(2, 2)}, t5_directory / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(ConfigError, match=r"its weights lack .*; the directory must hold"):
        load_encoder(T5Config(name=str(t5_directory)))


def test_damaged_weights_are_one_clear_line(t5_directory: Path) -> None:
    weights = t5_directory / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ConfigError, match="cannot be loaded") as error:
        load_encoder(T5Config(name=str(t5_directory)))
    assert "\n" not in str(error.value)


def test_a_model_that_is_no_t5_is_refused(t5_directory: Path) -> None:
    (t5_directory / "config.json").write_text('{"model_type": "gpt2", "d_model": 8}')
    with pytest.raises(ConfigError, match="model_type 'gpt2'; allowed are t5, mt5, umt5"):
        load_encoder(T5Config(name=str(t5_directory)))


def test_spans_say_which_characters_each_token_stands_for(tiny: TextEncoder) -> None:
    caption = "  a  red\tcircle (big) 日 "
    text, spans = "a red circle (big) 日", tiny.spans(caption)
    assert len(spans) == int(tiny.encode([caption]).mask.sum())
    assert "".join(dict.fromkeys(text[start:end] for start, end in spans)) == "aredcircle(big)日"
    assert spans[-1] == (len(text), len(text))
    assert tiny.spans("") == []
    assert len(load_encoder(T5Config(max_tokens=5)).spans("a red circle " * 9)) == 5
