"""Teach t5-tiny to say plainly what stands where: t5-scenes.

A token of t5-tiny knows its noun's colour, shape and relation, and whether its noun comes first or
second. But on which side the second thing stands is a product of the last two, and a network that
draws must find that out by itself. Here every token of a phrase learns to be the sum of what its
caption says of that phrase's thing: each fact is a direction of its own, all at right angles, and
the second thing has the relation turned round. Captions of anything else keep t5-tiny's tokens.
Equal captions, seed, steps and threads give equal bytes.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from minimagen.seeds import generator, hash_key
from minimagen.text.learning import (
    BATCH,
    Ids,
    Progress,
    padded,
    pooled,
    train,
    write_encoder,
    write_provenance,
)
from minimagen.text.locate import bundled_directory
from minimagen.text.vocabulary import PAD

LEARNING_RATE = 3e-3

Phrase = tuple[int, int, tuple[str, ...]]  # first character, one after the last, facts
Phrases = Callable[[str], Sequence[Phrase]]


class Lesson(NamedTuple):
    """A caption's ids and the tokens they ought to become, (L,) and (L, D); the end included."""

    ids: Ids
    tokens: Tensor


def build(
    captions: Iterator[str],
    phrases: Phrases,
    directory: Path,
    *,
    steps: int,
    seed: int,
    pool: int = 24_000,
    progress: Progress | None = None,
) -> None:
    """Teach the bundled t5-tiny, and write what came of it to a directory.

    Args:
        captions: what the encoder is for, without end; one ordinary caption is mixed in for two.
        phrases: takes a caption apart; none where it says nothing of a built-in scene.
        directory: made if missing; its files of the same name are replaced.
        steps: optimizer steps of 64 captions.
        seed: every draw follows from it.
        pool: how many captions to learn from, each of them many times.
        progress: called after every step.
    """
    from transformers import T5EncoderModel

    began = time.monotonic()
    model: Any = T5EncoderModel.from_pretrained(bundled_directory()).eval()
    texts = pooled(captions, seed, pool)
    lessons = _lessons(model, texts, phrases, seed)
    loss = train(
        model,
        _batches(lessons, seed),
        lambda batch: _loss(model, batch),
        rate=LEARNING_RATE,
        steps=steps,
        progress=progress,
    )
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(bundled_directory() / name, directory / name)
    write_encoder(model, directory)
    seconds = time.monotonic() - began
    write_provenance(
        directory, "build-t5-scenes", steps=steps, seed=seed, loss=loss, seconds=seconds
    )


def _lessons(model: Any, texts: Sequence[str], phrases: Phrases, seed: int) -> list[Lesson]:
    from tokenizers import Tokenizer

    encodings = Tokenizer.from_file(str(bundled_directory() / "tokenizer.json")).encode_batch(texts)
    found = [list(phrases(text)) for text in texts]
    known = {fact for told in found for _, _, facts in told for fact in facts}
    directions = _directions(sorted(known), model.config.d_model, seed)
    before = _tokens(model, [encoding.ids for encoding in encodings])
    return [
        Lesson(encoding.ids, _told(encoding.offsets, told, directions) if told else tokens)
        for encoding, told, tokens in zip(encodings, found, before, strict=True)
    ]


def _directions(facts: Sequence[str], width: int, seed: int) -> dict[str, Tensor]:
    """Give every fact a direction, at right angles to all others'; at most ``width`` of them."""
    drawn = torch.randn(width, width, generator=generator("t5-scenes facts", seed))
    return dict(zip(facts, torch.linalg.qr(drawn).Q.T, strict=False))


def _told(
    offsets: Sequence[tuple[int, int]], phrases: Sequence[Phrase], directions: dict[str, Tensor]
) -> Tensor:
    """Return a token's worth of facts for every piece of a caption; its end has all, (L, D)."""
    things = [_sum([directions[fact] for fact in facts]) for _, _, facts in phrases]
    ends = [stop for _, stop, _ in phrases]
    rows = [
        next(thing for thing, end in zip(things, ends, strict=True) if start < end)
        for start, _ in offsets[:-1]
    ]
    told = torch.stack([*rows, _sum(things)])
    return told / told.square().mean(dim=1, keepdim=True).sqrt()  # as T5's last norm leaves tokens


def _sum(vectors: Sequence[Tensor]) -> Tensor:
    return sum(vectors, torch.zeros(()))


@torch.no_grad()
def _tokens(model: Any, rows: Sequence[Ids]) -> Iterator[Tensor]:
    """Return what an encoder makes of ids, (L, D) each."""
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        tokens = _encoded(model, padded(some, PAD))
        yield from (row[: len(ids)].clone() for row, ids in zip(tokens, some, strict=True))


def _encoded(model: Any, ids: Tensor) -> Tensor:
    tokens: Tensor = model(input_ids=ids, attention_mask=ids != PAD).last_hidden_state
    return tokens


def _batches(lessons: Sequence[Lesson], seed: int) -> Iterator[list[Lesson]]:
    for step in count():
        source = Random(hash_key("t5-scenes batch", seed, step))
        yield [source.choice(lessons) for _ in range(BATCH)]


def _loss(model: Any, batch: Sequence[Lesson]) -> Tensor:
    """Mean squared error of the tokens."""
    ids = padded([lesson.ids for lesson in batch], PAD)
    wanted = pad_sequence([lesson.tokens for lesson in batch], batch_first=True)  # (B, L, D)
    return (_encoded(model, ids) - wanted).square()[ids != PAD].mean()
