"""A Unigram vocabulary with byte fallback, trained by sentencepiece, as a ``tokenizer.json``.

transformers' T5 tokenizer classes switch byte fallback off, so the file is written here and read
by ``tokenizers`` itself. Text is lower-cased: a vocabulary this small has no room for capitals.
"""

import io
from collections import Counter
from collections.abc import Iterable
from typing import Any

PAD, EOS, UNKNOWN = 0, 1, 2
SENTINELS = 16
FREQUENT = 8  # times a word was seen
_BETTER = 1.0  # how much likelier a whole word is than its parts; a logarithm
_PRINTABLE = "".join(char for char in map(chr, range(33, 127)) if not char.isupper())


def train_unigram(captions: Iterable[str], size: int) -> bytes:
    """Fit a sentencepiece Unigram model in which every frequent word is one piece.

    Args:
        captions: what to fit it to.
        size: most pieces to fit, bytes and controls included; frequent words come on top.

    Returns:
        What sentencepiece calls a model file.
    """
    texts = [caption.lower() for caption in captions]
    return _with_frequent_words(_fit(texts, size), texts)


def _fit(texts: list[str], size: int) -> bytes:
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        model_type="unigram",
        vocab_size=size,
        hard_vocab_limit=False,
        byte_fallback=True,
        required_chars=_PRINTABLE,
        normalization_rule_name="identity",
        pad_id=PAD,
        eos_id=EOS,
        unk_id=UNKNOWN,
        bos_id=-1,
        num_threads=1,  # more would make the scores depend on the machine
        minloglevel=2,
    )
    return model.getvalue()


def _with_frequent_words(model: bytes, texts: list[str]) -> bytes:
    """Add the words that fitting took apart: a cheap "ab" makes "above" into "ab" and "ove"."""
    from sentencepiece import SentencePieceProcessor
    from sentencepiece.sentencepiece_model_pb2 import ModelProto

    fitted = SentencePieceProcessor(model_proto=model)
    proto = ModelProto.FromString(model)
    words = Counter(word for text in texts for word in text.split() if word.isalpha())
    for word, seen in words.most_common():
        parts = fitted.encode(word)
        if seen >= FREQUENT and len(parts) > 1:
            score = sum(fitted.get_score(part) for part in parts) + _BETTER
            proto.pieces.add(piece=f"▁{word}", score=score)
    return bytes(proto.SerializeToString())


def tokenizer_from(model: bytes) -> Any:
    """Make a ``tokenizers.Tokenizer`` of a sentencepiece model, with T5's sentinels and end."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.Unigram(_pieces(model), unk_id=UNKNOWN, byte_fallback=True))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="always"), decoders.Fuse()]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", EOS)]
    )
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>", *_sentinel_names()])
    return tokenizer


def sentinel_ids(tokenizer: Any) -> list[int]:
    """Return the ids of ``<extra_id_0>``, ``<extra_id_1>``, ..."""
    return [tokenizer.token_to_id(f"<extra_id_{number}>") for number in range(SENTINELS)]


def _pieces(model: bytes) -> list[tuple[str, float]]:
    from sentencepiece import SentencePieceProcessor

    trained = SentencePieceProcessor(model_proto=model)
    pieces = [(trained.id_to_piece(i), trained.get_score(i)) for i in range(len(trained))]
    return pieces + [(name, 0.0) for name in _sentinel_names()]


def _sentinel_names() -> list[str]:
    """As in T5, the last id of the vocabulary is ``<extra_id_0>``."""
    return [f"<extra_id_{number}>" for number in reversed(range(SENTINELS))]
