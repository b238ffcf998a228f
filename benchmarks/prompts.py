"""Does a word's weight act, and a negative caption?  python -m benchmarks.prompts -d DIRECTORY.

Draws captions of the tiny base with one word at several weights, in each way a weight could act:

    attention   its tokens are attended to as if they stood there w times
    scaled      its tokens are multiplied by w
    guidance    x_0 + (w - 1) scale (x_0(text) - x_0(text without the word)), three sides a step
    context     what it changes in the other tokens is multiplied by w
    shipped     attention and context: minimagen.text.weighting

Redness is the share of the coloured pixels that are nearest to the palette's red; the red area is
their share of all pixels. Then it draws no caption at all, with and without negative captions.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.record import print_table, save
from minimagen import Imagen
from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.data.items import Picture
from minimagen.data.world import COLOURS
from minimagen.diffusion import Denoiser
from minimagen.diffusion.guidance import in_interval
from minimagen.evaluation.caption_accuracy import CHROMA, judge
from minimagen.imagen import to_pictures
from minimagen.stage import Drawing, Stage
from minimagen.text.encoders import TextEncoder, load_encoder
from minimagen.text.prompts import Prompt, read_prompt
from minimagen.text.weighting import encode_prompts, without

CAPTIONS = (
    "a (red:{}) circle",
    "a (red:{}) and blue circle",
    "a large (red:{}) square left of a blue circle",
)
WEIGHTS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
NEGATIVES = ("a red circle", "a blue square", "a green triangle")
Steered = Callable[[Stage, Denoiser], Denoiser]
Way = Callable[[TextEncoder, Prompt], tuple[TextEmbedding, Steered | None]]


def plain(encoder: TextEncoder, prompt: Prompt) -> TextEmbedding:
    """Embed a prompt as if it had no weights."""
    return encoder.encode([prompt.text])


def attention(encoder: TextEncoder, prompt: Prompt) -> tuple[TextEmbedding, None]:
    """Weigh the word's tokens in attention alone."""
    weights = encode_prompts(encoder, [prompt]).weights
    return replace(plain(encoder, prompt), weights=weights), None


def scaled(encoder: TextEncoder, prompt: Prompt) -> tuple[TextEmbedding, None]:
    """Multiply the word's tokens."""
    text, weights = plain(encoder, prompt), encode_prompts(encoder, [prompt]).weights
    return text if weights is None else replace(text, tokens=text.tokens * weights[..., None]), None


def context(encoder: TextEncoder, prompt: Prompt) -> tuple[TextEmbedding, None]:
    """Scale what the word changes in the other tokens, and nothing else."""
    return replace(encode_prompts(encoder, [prompt]), weights=None), None


def shipped(encoder: TextEncoder, prompt: Prompt) -> tuple[TextEmbedding, None]:
    """Do what drawing does."""
    return encode_prompts(encoder, [prompt]), None


def guidance(encoder: TextEncoder, prompt: Prompt) -> tuple[TextEmbedding, Steered | None]:
    """Add a guidance from the caption without the word to the caption with it."""
    text = plain(encoder, prompt)
    if not prompt.weights:
        return text, None
    weight = prompt.weights[0]
    shorter = encoder.encode([without(prompt.text, weight)])

    def steer(stage: Stage, denoise: Denoiser) -> Denoiser:
        scale = stage.config.sampling.guidance_scale

        def guide(x_t: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
            sides = [cond.null(), cond, replace(cond, text=shorter.repeated(len(x_t)))]
            asked = denoise(torch.cat([x_t] * 3), torch.cat([t] * 3), Conditioning.cat(sides))
            null, told, less = asked.chunk(3)
            return null + scale * (told - null) + scale * (weight.value - 1) * (told - less)

        interval = stage.config.sampling.guidance_interval
        if interval is None:
            return guide
        return in_interval(guide, denoise, stage.config.schedule, *interval)

    return text, steer


WAYS: dict[str, Way] = {
    "attention": attention,
    "scaled": scaled,
    "guidance": guidance,
    "context": context,
    "shipped": shipped,
}


def draw(
    stage: Stage,
    text: TextEmbedding,
    count: int,
    steer: Steered | None = None,
    negative: TextEmbedding | None = None,
) -> list[Picture]:
    """Draw one text with the stage's own settings, from the same noise each time."""
    away = None if negative is None else negative.repeated(count)
    cond = Conditioning(text.repeated(count))
    how = Drawing(steer=steer)
    drawn = stage.sample(cond, how, seed=0, numbers=range(count), negative=away)
    return [np.asarray(picture) for picture in to_pictures(drawn)]


def redness(pictures: Sequence[Picture]) -> dict[str, float]:
    """Measure how red pictures are; one without any colour has a redness of 0."""
    palette, red = np.array(list(COLOURS.values())), list(COLOURS).index("red")
    shares, areas = [], []
    for picture in pictures:
        coloured = picture.max(axis=2).astype(int) - picture.min(axis=2) > CHROMA
        distances = ((picture[coloured][:, None].astype(int) - palette) ** 2).sum(axis=2)
        reds = int((distances.argmin(axis=1) == red).sum())
        shares.append(reds / max(1, int(coloured.sum())))
        areas.append(reds / coloured.size)
    return {"redness": round(float(np.mean(shares)), 3), "area": round(float(np.mean(areas)), 3)}


def measure_weights(stage: Stage, encoder: TextEncoder, count: int) -> dict[str, Any]:
    """Measure redness by caption, way and weight."""
    return {
        caption: {
            name: _by_weight(stage, encoder, caption, way, count) for name, way in WAYS.items()
        }
        for caption in CAPTIONS
    }


def _by_weight(
    stage: Stage, encoder: TextEncoder, caption: str, way: Way, count: int
) -> dict[str, dict[str, float]]:
    found = {}
    for weight in WEIGHTS:
        text, steer = way(encoder, read_prompt(caption.format(weight)))
        found[f"{weight:g}"] = redness(draw(stage, text, count, steer))
    return found


def measure_negatives(stage: Stage, encoder: TextEncoder, count: int) -> dict[str, Any]:
    """Count colours and shapes in pictures of no caption, with and without negative captions."""
    nothing = encoder.encode([""])
    found = {"none": _seen(draw(stage, nothing, count))}
    for caption in NEGATIVES:
        away = draw(stage, nothing, count, negative=encoder.encode([caption]))
        found[caption] = _seen(away)
    return found


def _seen(pictures: Sequence[Picture]) -> dict[str, float]:
    judged = [pair for pair in map(judge, pictures) if pair]
    seen = Counter(word for pair in judged for word in pair)
    return {word: round(number / len(pictures), 3) for word, number in sorted(seen.items())}


def report(weights: dict[str, Any], negatives: dict[str, Any]) -> None:
    """Print the tables."""
    for caption, ways in weights.items():
        print(f"\n{caption}\n")
        rows = [
            [name, *(f"{at['redness']:.2f} ({at['area']:.2f})" for at in by_weight.values())]
            for name, by_weight in ways.items()
        ]
        print_table(["redness (red area)", *next(iter(ways.values()))], rows)
    print()
    words = [word for caption in NEGATIVES for word in caption.split()[1:]]
    rows = [[name, *(f"{seen.get(w, 0):.2f}" for w in words)] for name, seen in negatives.items()]
    print_table(["negative caption", *words], rows)


@torch.no_grad()
def main() -> None:
    """Run the benchmark, print its tables, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-d", "--directory", type=Path, required=True)
    parser.add_argument("-n", "--pictures", type=int, default=64)
    options = parser.parse_args()
    torch.set_num_threads(1)
    imagen = Imagen.load(options.directory, device="cpu")
    config = imagen.config.imagen.text_encoder
    assert config is not None, "an unconditional cascade has no captions"
    stage, encoder = imagen.stages[0], load_encoder(config)
    weights = measure_weights(stage, encoder, options.pictures)
    negatives = measure_negatives(stage, encoder, 2 * options.pictures)
    command = f"python -m benchmarks.prompts -d training_<TIMESTAMP> -n {options.pictures}"
    results = {"pictures": options.pictures, "weights": weights, "negatives": negatives}
    save("prompts", command, results)
    report(weights, negatives)


if __name__ == "__main__":
    main()
