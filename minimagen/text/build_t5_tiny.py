"""Train t5-tiny, the text encoder that ships inside the package, from captions alone.

A vocabulary is fitted, then a small T5 learns span corruption; its decoder is thrown away and its
encoder kept. In half of the exercises the spans are hidden from the decoder alone: the encoder
reads the whole caption, and what is hidden has to be written from what the other tokens know of it.
So "circle" in "a red circle" comes to carry "red", which plain span corruption teaches too slowly.
Equal captions, seed, steps and threads give equal bytes.
"""

import json
import platform
import random
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from minimagen.seeds import hash_key
from minimagen.text.captions import clean
from minimagen.text.everyday import everyday_captions
from minimagen.text.span_corruption import corrupt, draw_spans
from minimagen.text.vocabulary import EOS, PAD, sentinel_ids, tokenizer_from, train_unigram

VOCABULARY = 1_536  # pieces, before the sentinels
BATCH = 64
LEARNING_RATE = 5e-3
NEIGHBOURS = (-1, 1, -2, 2)  # where the first heads look at first; the others anywhere
NEIGHBOUR_BIAS = 4.0
IGNORED = -100  # what transformers' loss leaves out

Ids = list[int]
Batch = tuple[Tensor, Tensor, Tensor]  # what is read, what of it is seen, what to write; (B, L)
Progress = Callable[[int, int, float], None]  # steps done, steps in all, loss


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
    texts = [clean(caption) for caption in islice(_mixed(captions, seed), pool)]
    tokenizer = tokenizer_from(train_unigram(texts, VOCABULARY))
    ids = [encoding.ids[:-1] for encoding in tokenizer.encode_batch(texts)]
    model = _new_model(tokenizer.get_vocab_size(), seed)
    batches = _batches(ids, sentinel_ids(tokenizer), seed)
    loss = _train(model, islice(batches, steps), steps, progress)
    _balance(model, ids[:1024])
    directory.mkdir(parents=True, exist_ok=True)
    _write_tokenizer(tokenizer, directory)
    _write_encoder(model, directory)
    _write_provenance(
        directory, steps=steps, seed=seed, loss=loss, seconds=time.monotonic() - began
    )


def _mixed(captions: Iterator[str], seed: int) -> Iterator[str]:
    """Alternate: two of the given captions, one ordinary one."""
    for first, second, ordinary in zip(captions, captions, everyday_captions(seed), strict=False):
        yield from (first, second, ordinary)


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
        yield _padded(inputs, PAD), _padded(visible, 0), _padded(targets, IGNORED)
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


def _padded(rows: Sequence[Ids], filler: int) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [filler] * (longest - len(row)) for row in rows])  # (B, L)


def _train(model: Any, batches: Iterator[Batch], steps: int, progress: Progress | None) -> float:
    """Run AdamW with warm-up and linear decay; return the mean loss of the last tenth."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    losses: list[float] = []
    model.train()
    for step, (inputs, visible, targets) in enumerate(batches):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * _rate(step, steps)
        encoded = model.encoder(input_ids=inputs, attention_mask=inputs != PAD)
        loss = model(encoder_outputs=encoded, attention_mask=visible, labels=targets).loss
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if progress is not None:
            progress(step + 1, steps, losses[-1])
    last = losses[-max(steps // 10, 1) :]
    return sum(last) / len(last)


def _rate(step: int, steps: int) -> float:
    """Rise over the first twentieth, then fall to zero; a fraction of the peak."""
    warm_up = max(steps // 20, 1)
    return min((step + 1) / warm_up, (steps - step) / max(steps - warm_up, 1))


@torch.no_grad()
def _balance(model: Any, ids: Sequence[Ids]) -> None:
    """Fold each output feature's scale into the last norm: its mean square becomes 1."""
    model.eval()
    inputs = _padded([[*row, EOS] for row in ids], PAD)
    tokens = model.encoder(input_ids=inputs, attention_mask=inputs != PAD).last_hidden_state
    scale = tokens[inputs != PAD].square().mean(dim=0).sqrt()  # (D,)
    model.encoder.final_layer_norm.weight.div_(scale.clamp(min=1e-3))


def _write_tokenizer(tokenizer: Any, directory: Path) -> None:
    tokenizer.save(str(directory / "tokenizer.json"))
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    _write_json(
        directory / "tokenizer_config.json",
        {"tokenizer_class": "PreTrainedTokenizerFast", **special},
    )


def _write_encoder(model: Any, directory: Path) -> None:
    from safetensors.torch import save

    keep = ("shared.", "encoder.")
    weights = {
        name: tensor.contiguous()
        for name, tensor in model.state_dict().items()
        if name.startswith(keep) and name != "encoder.embed_tokens.weight"  # the same as shared
    }
    (directory / "model.safetensors").write_bytes(save(weights, metadata={"format": "pt"}))
    settings = model.config.to_diff_dict()
    settings |= {
        "architectures": ["T5EncoderModel"],
        "is_encoder_decoder": False,
        "use_cache": False,
    }
    _write_json(directory / "config.json", settings)


def _write_provenance(
    directory: Path, *, steps: int, seed: int, loss: float, seconds: float
) -> None:
    import sentencepiece
    import tokenizers
    import transformers

    _write_json(
        directory / "provenance.json",
        {
            "command": f"python -m minimagen build-t5-tiny --steps {steps} --seed {seed}",
            "steps": steps,
            "seed": seed,
            "final_loss": round(loss, 4),
            "seconds": round(seconds),
            "threads": torch.get_num_threads(),
            "versions": {
                "python": platform.python_version(),
                **{
                    module.__name__: str(module.__version__)
                    for module in (torch, transformers, tokenizers, sentencepiece)
                },
            },
        },
    )


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
