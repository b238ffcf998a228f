"""Train t5-tiny, the text encoder that ships inside the package, from captions alone.

A vocabulary is fitted, then a small T5 learns span corruption; its decoder is thrown away and its
encoder kept. In half of the exercises the spans are hidden from the decoder alone: the encoder
reads the whole caption, and what is hidden has to be written from what the other tokens know of it.
So "circle" in "a red circle" comes to carry "red", which plain span corruption teaches too slowly.
Equal captions, seed, steps and threads give equal bytes.
"""

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minimagen.seeds import hash_key
from minimagen.text.learning import (
    BATCH,
    Ids,
    Progress,
    padded,
    pooled,
    train,
    write_encoder,
    write_json,
    write_provenance,
)
from minimagen.text.span_corruption import corrupt, draw_spans
from minimagen.text.vocabulary import EOS, PAD, sentinel_ids, tokenizer_from, train_unigram

VOCABULARY = 1_536  # pieces, before the sentinels
LEARNING_RATE = 5e-3
NEIGHBOURS = (-1, 1, -2, 2)  # where the first heads look at first; the others anywhere
NEIGHBOUR_BIAS = 4.0
IGNORED = -100  # what transformers' loss leaves out

Batch = tuple[Tensor, Tensor, Tensor]  # what is read, what of it is seen, what to write; (B, L)


def build(
    captions: Iterator[str],
    directory: Path,
    *,
    steps: int,
    seed: int,
    pool: int = 24_000,
    progress: Progress | None = None,
) -> None:
    """Train the vocabulary and the encoder, and write them to a directory.

    Args:
        captions: what the encoder is for, without end; one ordinary caption is mixed in for two.
        directory: made if missing; its files of the same name are replaced.
        steps: optimizer steps of 64 captions.
        seed: every draw follows from it.
        pool: how many captions to learn from, each of them many times.
        progress: called after every step.
    """
    began = time.monotonic()
    texts = pooled(captions, seed, pool)
    tokenizer = tokenizer_from(train_unigram(texts, VOCABULARY))
    ids = [encoding.ids[:-1] for encoding in tokenizer.encode_batch(texts)]
    model = _new_model(tokenizer.get_vocab_size(), seed)
    batches = _batches(ids, sentinel_ids(tokenizer), seed)
    loss = train(
        model,
        batches,
        lambda batch: _loss(model, *batch),
        rate=LEARNING_RATE,
        steps=steps,
        progress=progress,
    )
    _balance(model, ids[:1024])
    directory.mkdir(parents=True, exist_ok=True)
    _write_tokenizer(tokenizer, directory)
    write_encoder(model, directory)
    seconds = time.monotonic() - began
    write_provenance(directory, "build-t5-tiny", steps=steps, seed=seed, loss=loss, seconds=seconds)


def _new_model(vocabulary: int, seed: int) -> Any:
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        vocab_size=vocabulary,
        d_model=64,
        d_kv=12,
        d_ff=192,
        num_layers=4,
        num_decoder_layers=2,
        num_heads=6,
        relative_attention_max_distance=64,
        dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
        decoder_start_token_id=PAD,
        pad_token_id=PAD,
        eos_token_id=EOS,
    )
    with torch.random.fork_rng(devices=[]):  # transformers draws weights from the global state
        torch.manual_seed(hash_key("t5-tiny weights", seed))
        model = T5ForConditionalGeneration(config)
    _look_at_neighbours(model)
    return model


@torch.no_grad()
def _look_at_neighbours(model: Any) -> None:
    """Let encoder heads start out looking at near tokens, which they find late by themselves."""
    bias = model.encoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight
    later = len(bias) // 2  # T5's first bucket for tokens to the right
    for head, offset in enumerate(NEIGHBOURS):
        bias[abs(offset) + later * (offset > 0), head] += NEIGHBOUR_BIAS


def _batches(ids: Sequence[Ids], sentinels: Ids, seed: int) -> Iterator[Batch]:
    step = 0
    while True:
        source = random.Random(hash_key("t5-tiny batch", seed, step))
        examples = [_example(source.choice(ids), sentinels, source) for _ in range(BATCH)]
        inputs, visible, targets = zip(*examples, strict=True)
        yield padded(inputs, PAD), padded(visible, 0), padded(targets, IGNORED)
        step += 1


def _example(ids: Ids, sentinels: Ids, source: random.Random) -> tuple[Ids, Ids, Ids]:
    """Return what the encoder reads, which of it the decoder sees, and what it must write."""
    if source.random() < 0.5:
        hidden, answer = corrupt(ids, sentinels, source)
        return [*hidden, EOS], [1] * (len(hidden) + 1), [*answer, EOS]
    visible = [1] * len(ids)
    for start, stop in draw_spans(len(ids), source, density=0.6, mean_span=2.5):
        visible[start:stop] = [0] * (stop - start)
    return [*ids, EOS], [*visible, 1], [*ids, EOS]


def _loss(model: Any, inputs: Tensor, visible: Tensor, targets: Tensor) -> Tensor:
    encoded = model.encoder(input_ids=inputs, attention_mask=inputs != PAD)
    loss: Tensor = model(encoder_outputs=encoded, attention_mask=visible, labels=targets).loss
    return loss


@torch.no_grad()
def _balance(model: Any, ids: Sequence[Ids]) -> None:
    """Fold each output feature's scale into the last norm: its mean square becomes 1."""
    inputs = padded([[*row, EOS] for row in ids], PAD)
    tokens = model.encoder(input_ids=inputs, attention_mask=inputs != PAD).last_hidden_state
    scale = tokens[inputs != PAD].square().mean(dim=0).sqrt()  # (D,)
    model.encoder.final_layer_norm.weight.div_(scale.clamp(min=1e-3))


def _write_tokenizer(tokenizer: Any, directory: Path) -> None:
    tokenizer.save(str(directory / "tokenizer.json"))
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    write_json(
        directory / "tokenizer_config.json",
        {"tokenizer_class": "PreTrainedTokenizerFast", **special},
    )
