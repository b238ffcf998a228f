"""A CLIP small enough to train in a minute:  python -m benchmarks.tiny_clip -o my_clip.

A byte-level vocabulary is fitted to captions of the built-in scenes; a text half of three layers
and a small convolutional picture half learn together which caption belongs to which picture. The
text half is kept, as ``CLIPTextModel`` reads it. Held-out combinations are not among the pictures.
Source: Radford et al. 2021 (arXiv:2103.00020), fig. 3; equal captions count as right answers alike.
"""

import argparse
import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minimagen.data.shapes import ShapesConfig, ShapesSource, caption_stream
from minimagen.seeds import generator, hash_key
from minimagen.tensors import from_uint8

WIDTH, TOKENS, POOL, BATCH, SIDE = 64, 32, 4096, 128, 32
RATE = 1e-3
BEGIN, END = "<|startoftext|>", "<|endoftext|>"


def build(directory: Path, *, steps: int, seed: int = 0) -> float:
    """Write a CLIP text model and its tokenizer; returns how often it last found the right picture.

    Args:
        directory: made if missing.
        steps: optimizer steps of 128 pairs; 0 leaves the weights as they are drawn.
        seed: every draw follows from it.
    """
    tokenizer = _tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(hash_key("tiny clip", seed))
        text, eye = _text_half(tokenizer), _picture_half()
    found = _train(text, eye, tokenizer, steps, seed) if steps else 0.0
    text.save_pretrained(directory)
    tokenizer.save(str(directory / "tokenizer.json"))
    return found


def _tokenizer() -> Any:
    """Fit byte pairs to captions, in the shape of CLIP's own tokenizer."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=[BEGIN, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(islice(caption_stream(0), 2000), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A {END}", special_tokens=[(BEGIN, 0), (END, 1)]
    )
    return tokenizer


def _text_half(tokenizer: Any) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel

    settings = CLIPTextConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=TOKENS,
        bos_token_id=tokenizer.token_to_id(BEGIN),
        eos_token_id=tokenizer.token_to_id(END),
        pad_token_id=tokenizer.token_to_id(END),
    )
    return CLIPTextModel(settings)


def _picture_half() -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in ((3, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GELU()]
    side = SIDE // 8
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * side**2, WIDTH))


def _train(text: Any, eye: nn.Module, tokenizer: Any, steps: int, seed: int) -> float:
    pictures, captions = _pairs(seed)
    ids, mask = _encoded(tokenizer, captions)
    same = torch.tensor([hash_key(caption) for caption in captions])
    scale = nn.Parameter(torch.tensor(2.6))  # log of 1 / temperature, as CLIP begins
    optimizer = torch.optim.AdamW([*text.parameters(), *eye.parameters(), scale], lr=RATE)
    right = 0.0
    for step in range(steps):
        rows = torch.randint(len(ids), (BATCH,), generator=generator("tiny clip", seed, step))
        read = text(input_ids=ids[rows], attention_mask=mask[rows]).pooler_output
        agreement = (
            scale.exp() * F.normalize(read, dim=1) @ F.normalize(eye(pictures[rows]), dim=1).T
        )
        answers = (same[rows][:, None] == same[rows]).float()
        answers = answers / answers.sum(dim=1, keepdim=True)
        loss = F.cross_entropy(agreement, answers) + F.cross_entropy(agreement.T, answers)
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 50) * (1 - step / steps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        hits = answers.gather(1, agreement.argmax(dim=1, keepdim=True)) > 0
        right = hits.float().mean().item()
    text.eval()
    return right


def _pairs(seed: int) -> tuple[Tensor, list[str]]:
    source = ShapesSource(ShapesConfig(size=POOL, variant="scenes", seed=seed + 1))
    drawn = np.stack([source.picture(i, SIDE) for i in range(POOL)])
    pictures = from_uint8(torch.from_numpy(drawn).permute(0, 3, 1, 2))
    return pictures, [source.captions(i)[0] for i in range(POOL)]


def _encoded(tokenizer: Any, captions: list[str]) -> tuple[Tensor, Tensor]:
    tokenizer.enable_padding(pad_id=tokenizer.token_to_id(END), pad_token=END)
    tokenizer.enable_truncation(TOKENS)
    encodings = tokenizer.encode_batch(captions)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    rows = torch.tensor([encoding.ids for encoding in encodings])
    return rows, torch.tensor([encoding.attention_mask for encoding in encodings])


def main() -> None:
    """Build one, and say how well its halves agree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=400)
    options = parser.parse_args()
    print(json.dumps({"right of 128": build(options.output, steps=options.steps)}))


if __name__ == "__main__":
    main()
