"""Whatever a data set holds goes through every encoder, and only nothing becomes null text."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from minimagen.errors import UsageError
from minimagen.text.captions import clean
from minimagen.text.encoders import (
    ClipConfig,
    EnsembleConfig,
    LabelsConfig,
    T5Config,
    TextEncoder,
    WordsConfig,
    load_encoder,
)
from tests.text.pretrained import save_clip

AWKWARD = {
    "10,000 words": "circle " * 10_000,
    "one word of 10,000 letters": "o" * 10_000,
    "NUL": "a\x00red circle",
    "lone surrogate": "a red \ud800 circle",
    "not UTF-8": b"a r\xf6d circle\xff".decode("utf-8", "surrogateescape"),
    "right to left": "עיגול אדום",
    "emoji": "a 😀👩‍👩‍👧 face",
    "end of sequence": "a red </s> circle",
    "end of text": "a red <|endoftext|> circle",
    "start of text": "<|startoftext|><|startoftext|>",
    "padding": "<pad><pad>",
    "sentinel": "<extra_id_0> circle",
    "byte": "<0x41>",
}
CONFIGS = {
    "t5": T5Config(),
    "words": WordsConfig(vocabulary=("a", "red", "circle")),
    "labels": LabelsConfig(labels=tuple(AWKWARD.values())),
}
ANY = st.text(st.characters(exclude_categories=()), max_size=80)  # lone surrogates too


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TextEncoder]:
    directory = tmp_path_factory.mktemp("clip")
    save_clip(directory)
    clip = ClipConfig(name=str(directory))
    ensemble = EnsembleConfig(parts=(T5Config(), clip, CONFIGS["words"]))
    configs = {**CONFIGS, "clip": clip, "ensemble": ensemble}
    return {kind: load_encoder(config) for kind, config in configs.items()}


def check(encoder: TextEncoder, caption: str, most: int) -> None:
    """Look at one caption beside another: finite, short enough, told alike by every method."""
    text = encoder.encode([caption, ""])
    assert text.tokens.isfinite().all()
    assert text.tokens.dtype == torch.float32
    length = int(text.mask[0].sum())
    assert length <= most
    assert not text.mask[1].any()
    assert len(encoder.is_cut([caption])) == 1
    letters = len(clean(caption))
    assert len(encoder.spans(caption)) == length
    assert all(0 <= start <= end <= letters for start, end in encoder.spans(caption))


@pytest.mark.parametrize("kind", ["t5", "clip", "words", "labels", "ensemble"])
@pytest.mark.parametrize("caption", AWKWARD.values(), ids=AWKWARD.keys())
def test_an_awkward_caption_is_embedded(
    encoders: dict[str, TextEncoder], kind: str, caption: str
) -> None:
    check(encoders[kind], caption, most=64 + 78 + 64)


@pytest.mark.parametrize(("kind", "most"), [("t5", 64), ("clip", 78), ("words", 64)])
def test_any_string_at_all_is_embedded(
    encoders: dict[str, TextEncoder], kind: str, most: int
) -> None:
    @settings(max_examples=60, deadline=None)
    @given(ANY)
    @example("\ud800")
    @example("</s><|endoftext|>")
    def every(caption: str) -> None:
        check(encoders[kind], caption, most)

    every()


@settings(max_examples=60, deadline=None)
@given(ANY)
def test_any_string_is_a_label_or_told_in_one_line_to_be_none(caption: str) -> None:
    encoder = load_encoder(LabelsConfig(labels=("a red circle",)))
    if clean(caption) in ("", "a red circle"):
        assert encoder.encode([caption]).mask.sum() == (clean(caption) != "")
        return
    with pytest.raises(UsageError, match="no label of this cascade") as caught:
        encoder.encode([caption])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sign", ["</s>", "<extra_id_0>", "<pad>", "<|endoftext|>"])
@pytest.mark.parametrize("kind", ["t5", "clip"])
def test_a_sign_of_a_vocabulary_written_in_a_caption_is_plain_text(
    encoders: dict[str, TextEncoder], kind: str, sign: str
) -> None:
    """It becomes several tokens, and what follows it is still read."""
    short, long = (
        int(encoders[kind].encode([caption]).mask.sum())
        for caption in ("a red circle", f"a red {sign} circle")
    )
    assert long >= short + 3
    read, unread = encoders[kind].encode([f"a {sign} circle", f"a {sign} square"]).tokens
    assert not torch.equal(read, unread)
