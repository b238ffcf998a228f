"""Small text models with random weights and real tokenizers, saved as on the Hub."""

import io
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from minimagen.text.everyday import everyday_captions

SIZES = {"vocab_size": 600, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}


def trained_spiece() -> bytes:
    """Train a sentencepiece model as T5's was: NFKC, no byte fallback, no beginning of sequence."""
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=islice(everyday_captions(3), 400),
        model_writer=model,
        model_type="unigram",
        vocab_size=500,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def save_t5(directory: Path, family: str, spiece: bytes) -> Any:
    """Save a T5, mT5 or umT5 with spiece.model only, and return transformers' own model."""
    import transformers

    prefix = {"t5": "T5", "mt5": "MT5", "umt5": "UMT5"}[family]
    settings = getattr(transformers, f"{prefix}Config")(**SIZES)
    model = drawn(getattr(transformers, f"{prefix}EncoderModel"), settings)
    model.save_pretrained(directory)
    (directory / "spiece.model").write_bytes(spiece)
    return model


def save_clip(directory: Path, *, whole: bool = False) -> Any:
    """Save a CLIP text model, or a CLIP with its picture half; returns transformers' text model."""
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel

    tokenizer = clip_tokenizer()
    text = CLIPTextConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=77,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    if whole:
        eye = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
        both = CLIPConfig(text_config=text.to_dict(), vision_config={**eye, "image_size": 32})
        drawn(CLIPModel, both).save_pretrained(directory)
    else:
        drawn(CLIPTextModel, text).save_pretrained(directory)
    tokenizer.save(str(directory / "tokenizer.json"))
    return CLIPTextModel.from_pretrained(directory, attn_implementation="eager").eval()


def clip_tokenizer() -> Any:
    """Fit byte pairs as CLIP's are: lower case, words that end in ``</w>``, two signs around."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    begin, end = "<|startoftext|>", "<|endoftext|>"
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=[begin, end, *sorted(f"{char}</w>" for char in alphabet)],
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(islice(everyday_captions(4), 400), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}", special_tokens=[(begin, 0), (end, 1)]
    )
    return tokenizer


def drawn(model: Any, settings: Any) -> Any:
    """Make a model whose weights are always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return model(settings).eval()
