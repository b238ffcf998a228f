"""A Unigram vocabulary with byte fallback: trained by sentencepiece, shipped as a ``tokenizer.json``.

transformers' T5 tokenizer classes switch byte fallback off, so the file is written here and read
by ``tokenizers`` itself. Text is lower-cased: a vocabulary this small has no room for capitals.
"""

import io
from collections.abc import Iterable
from typing import Any

PAD, EOS, UNKNOWN = 0, 1, 2
SENTINELS = 16
_PRINTABLE = "".join(char for char in map(chr, range(33, 127)) if not char.isupper())


def train_unigram(captions: Iterable[str], size: int) -> bytes:
    """Fit a sentencepiece Unigram model; at most ``size`` pieces, bytes and controls included."""
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=(caption.lower() for caption in captions),
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


def tokenizer_from(model: bytes) -> Any:
    """Turn a sentencepiece model into a ``tokenizers.Tokenizer`` with T5's sentinels and end of sequence."""
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
