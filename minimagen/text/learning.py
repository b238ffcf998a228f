"""How the bundled encoders are trained: batches of token ids, the loop, the files they leave."""

import json
import platform
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from minimagen.text.captions import clean
from minimagen.text.everyday import everyday_captions

BATCH = 64

Ids = list[int]
Progress = Callable[[int, int, float], None]  # steps done, steps in all, loss
B = TypeVar("B")


def pooled(captions: Iterator[str], seed: int, size: int) -> list[str]:
    """Return so many captions, cleaned: two of the given ones, one ordinary one, and so on."""
    return [clean(caption) for caption in islice(_mixed(captions, seed), size)]


def _mixed(captions: Iterator[str], seed: int) -> Iterator[str]:
    for first, second, ordinary in zip(captions, captions, everyday_captions(seed), strict=False):
        yield from (first, second, ordinary)


def padded(rows: Sequence[Ids], filler: int) -> Tensor:
    """Make rows equally long; (B, L), int64."""
    longest = max(map(len, rows))
    return torch.tensor([row + [filler] * (longest - len(row)) for row in rows])


def train(
    model: Any,
    batches: Iterator[B],
    loss_of: Callable[[B], Tensor],
    *,
    rate: float,
    steps: int,
    progress: Progress | None,
) -> float:
    """Run AdamW with warm-up and linear decay; return the mean loss of the last tenth."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    losses: list[float] = []
    model.train()
    for step, batch in zip(range(steps), batches, strict=False):
        optimizer.param_groups[0]["lr"] = rate * _share(step, steps)
        loss = loss_of(batch)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if progress is not None:
            progress(step + 1, steps, losses[-1])
    model.eval()
    last = losses[-max(steps // 10, 1) :]
    return sum(last) / len(last)


def _share(step: int, steps: int) -> float:
    """Rise over the first twentieth, then fall to zero; a fraction of the peak."""
    warm_up = max(steps // 20, 1)
    return min((step + 1) / warm_up, (steps - step) / max(steps - warm_up, 1))


def write_encoder(model: Any, directory: Path) -> None:
    """Write a T5's encoder and its config.json; a decoder is left out."""
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
    write_json(directory / "config.json", settings)


def write_provenance(
    directory: Path, command: str, *, steps: int, seed: int, loss: float, seconds: float
) -> None:
    """Write down how an encoder was made: ``provenance.json``.

    Args:
        directory: where it lies.
        command: of ``python -m minimagen``, that makes it again.
        steps: optimizer steps.
        seed: every draw followed from it.
        loss: mean of the last tenth.
        seconds: how long it took.
    """
    import sentencepiece
    import tokenizers
    import transformers

    write_json(
        directory / "provenance.json",
        {
            "command": f"python -m minimagen {command} --steps {steps} --seed {seed}",
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


def write_json(path: Path, value: Any) -> None:
    """Write JSON that a person can read."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
