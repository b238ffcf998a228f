"""Token ids are those of sentencepiece itself, whatever reads its files here."""

import json
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sentencepiece import SentencePieceProcessor
from sentencepiece.sentencepiece_model_pb2 import ModelProto

from minimagen.text.captions import clean
from minimagen.text.encoders import T5Config, load_encoder
from minimagen.text.everyday import everyday_captions
from minimagen.text.locate import bundled_directory
from tests.text.pretrained import save_t5, trained_spiece

END = 1


def random_captions() -> Iterator[str]:
    """Mix ordinary words, parts of words, signs and letters of many scripts."""
    source, ordinary = random.Random(7), everyday_captions(9)
    odd = [*"éßñçøž日本語гдעאי😀½ﬁＡ", *"!?.,;:'\"()[]{}#%&*+-=<>/\\|~^_`$@0123456789"]
    changes = [str.upper, str.title, lambda word: word[::-1], lambda word: word[1:]]
    while True:
        words = next(ordinary).split()
        for _ in range(source.randrange(4)):
            place, signs = source.randrange(len(words)), source.choices(odd, k=source.randrange(4))
            words[place] = source.choice(changes)(words[place]) + "".join(signs)
        yield source.choice([" ", "  "]).join(words)


def lower(text: str) -> str:
    """Lower-case each character by itself, as the tokenizer does."""
    return "".join(char.lower() for char in text)


def bundled_as_sentencepiece() -> SentencePieceProcessor:
    """Write the pieces of t5-tiny's tokenizer.json as a sentencepiece model again."""
    tokenizer = json.loads((bundled_directory() / "tokenizer.json").read_text())
    proto = ModelProto()
    kinds = ModelProto.SentencePiece
    named = {"<unk>": kinds.UNKNOWN, "<pad>": kinds.CONTROL, "</s>": kinds.CONTROL}
    for piece, score in tokenizer["model"]["vocab"]:
        is_byte = piece.startswith("<0x") and len(piece) == 6
        hidden = kinds.CONTROL if piece.startswith("<extra_id_") else kinds.NORMAL
        kind = kinds.BYTE if is_byte else named.get(piece, hidden)
        proto.pieces.add(piece=piece, score=score, type=kind)
    proto.trainer_spec.model_type = 1
    proto.trainer_spec.byte_fallback = True
    proto.trainer_spec.unk_id, proto.trainer_spec.bos_id = 2, -1
    proto.trainer_spec.pad_id, proto.trainer_spec.eos_id = 0, END
    proto.normalizer_spec.name = "identity"
    return SentencePieceProcessor(model_proto=proto.SerializeToString())


def ids_of(encoder: Any, caption: str) -> list[int]:
    return list(encoder._tokenizer.encode(clean(caption)).ids)


def test_ids_of_t5_tiny_are_sentencepiece_s_on_300_random_strings() -> None:
    reference, config = bundled_as_sentencepiece(), T5Config(max_tokens=512)
    encoder = load_encoder(config)
    for caption in islice(random_captions(), 300):
        expected = [*reference.encode(lower(clean(caption))), END]
        assert ids_of(encoder, caption) == expected, caption


@pytest.mark.parametrize("family", ["t5", "mt5", "umt5"])
def test_ids_of_a_lone_spiece_model_are_sentencepiece_s_on_300_random_strings(
    tmp_path: Path, family: str
) -> None:
    spiece = trained_spiece()
    save_t5(tmp_path / family, family, spiece)
    reference = SentencePieceProcessor(model_proto=spiece)
    config = T5Config(name=str(tmp_path / family), max_tokens=512)
    encoder = load_encoder(config)
    for caption in islice(random_captions(), 300):
        assert ids_of(encoder, caption) == [*reference.encode(clean(caption)), END], caption
