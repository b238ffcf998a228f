"""What t5-tiny and t5-scenes know, beside plain words:  python -m benchmarks.t5_tiny.

Linear probes, fitted to two thirds of some captions and asked on the rest: what does the mean
token tell, what does a noun's own token tell of what belongs to it? Then probes fitted to the
trained wording and asked on others, the nearest words of some words, and how many tokens a caption
takes.
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.record import print_table, save
from minimagen.seeds import permutation
from minimagen.text.encoders import (
    T5Config,
    TextEncoder,
    TextEncoderConfig,
    WordsConfig,
    learned,
    load_encoder,
)

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange")
SHAPES = ("circle", "square", "triangle", "star", "ring", "cross")
PLACES = ("at the top left", "at the top", "on the right", "in the middle", "at the bottom left")
RELATIONS = ("left of", "right of", "above", "below")
OTHER_SIDES = ("right of", "left of", "below", "above")  # where the second thing stands then
WORDINGS = (
    "a {colour} {shape}",  # as trained
    "The {colour} {shape}.",
    "a {shape} that is {colour}",
    "{shape}, {colour}",
    "one can see a {colour} {shape} here",
    "a {shape}, not {other} but {colour}",
)
MORE_WORDS = (
    "above below two three four crimson scarlet navy pink black white small large tiny huge "
    "rectangle oval diamond heart arrow line dot dog cat horse bird flower tree hill river "
    "house car boat photo painting happy old wet left right top bottom middle "
)
ASKED = ("red", "circle", "large", "two", "above", "dog", "crimson")
LENGTHS = (
    "a red circle left of a blue square",
    "a photo of a chinese temple",
    "a dachshund on a skateboard",
    "ein roter Kreis",
    "красный круг",
)


class Probe(NamedTuple):
    """A linear map from tokens to one of some choices."""

    weights: Tensor  # (D + 1, choices)

    def accuracy(self, features: Tensor, labels: Tensor) -> float:
        """Return how often it is right."""
        return float(((_one(features) @ self.weights).argmax(dim=1) == labels).double().mean())


def fitted(features: Tensor, labels: Tensor) -> Probe:
    """Fit ridge regression to one-hot answers."""
    x, y = _one(features), F.one_hot(labels).double()
    ridge = 1e-3 * len(x) * torch.eye(x.shape[1], dtype=torch.float64)
    return Probe(torch.linalg.solve(x.T @ x + ridge, x.T @ y))


def held_out(features: Tensor, labels: Tensor) -> float:
    """Fit to two thirds, return the accuracy on the rest."""
    order = permutation(len(features), "probe")
    train, test = order[: 2 * len(order) // 3], order[2 * len(order) // 3 :]
    return round(fitted(features[train], labels[train]).accuracy(features[test], labels[test]), 3)


def knows(encoder: TextEncoder) -> dict[str, float]:
    """Probe what the tokens of two kinds of captions carry."""
    ones = list(product(COLOURS, SHAPES, PLACES))
    mean = mean_token(encoder, [" ".join(("a", *words)) for words in ones])
    found = {
        f"mean token: {name}": held_out(mean, _labels(ones, part, choices))
        for part, (name, choices) in enumerate(
            (("colour", COLOURS), ("shape", SHAPES), ("place", PLACES))
        )
    }
    pairs = list(product(COLOURS, SHAPES))
    scenes = [
        (*one, relation, *other)
        for one, other, relation in product(pairs, pairs, RELATIONS)
        if one[0] != other[0] and one[1] != other[1]
    ]
    captions = [f"a {c} {s} {relation} a {d} {z}" for c, s, relation, d, z in scenes]
    first = token_of(encoder, captions, [scene[1] for scene in scenes], last=False)
    second = token_of(encoder, captions, [scene[4] for scene in scenes], last=True)
    role = torch.arange(2).repeat_interleave(len(scenes))
    return found | {
        "first noun: its colour": held_out(first, _labels(scenes, 0, COLOURS)),
        "second noun: its colour": held_out(second, _labels(scenes, 3, COLOURS)),
        "first noun: the relation": held_out(first, _labels(scenes, 2, RELATIONS)),
        "second noun: the relation": held_out(second, _labels(scenes, 2, RELATIONS)),
        "a noun: first or second": held_out(torch.cat([first, second]), role),
        "a noun: its side": held_out(
            torch.cat([first, second]),
            torch.cat([_labels(scenes, 2, RELATIONS), _labels(scenes, 2, OTHER_SIDES)]),
        ),
    }


def elsewhere(encoder: TextEncoder) -> dict[str, dict[str, float]]:
    """Fit colour and shape probes to the trained wording, and ask them on others."""
    pairs = list(product(COLOURS, SHAPES))
    many = list(product(COLOURS, SHAPES, ("", *PLACES)))
    plain = mean_token(encoder, [f"a {' '.join(words)}".strip() for words in many])
    parts = {"colour": (0, COLOURS), "shape": (1, SHAPES)}
    probes = {name: fitted(plain, _labels(many, *part)) for name, part in parts.items()}
    found = {}
    for wording in WORDINGS:
        mean = mean_token(encoder, [_say(wording, *pair) for pair in pairs])
        found[wording] = {
            name: round(probes[name].accuracy(mean, _labels(pairs, *part)), 3)
            for name, part in parts.items()
        }
    return found


def neighbours(encoder: TextEncoder) -> dict[str, list[str]]:
    """Find the four words that are nearest to a word, by the cosine of their mean tokens."""
    words = sorted({*MORE_WORDS.split(), *COLOURS, *SHAPES})
    mean = F.normalize(mean_token(encoder, words), dim=1)
    near = {word: (mean @ mean[words.index(word)]).topk(5).indices.tolist() for word in ASKED}
    return {word: [words[place] for place in places[1:]] for word, places in near.items()}


def mean_token(encoder: TextEncoder, captions: Sequence[str]) -> Tensor:
    """Return the mean of a caption's tokens, (N, D), float64."""
    text = encoder.encode(captions)
    total = (text.tokens * text.mask[..., None]).sum(dim=1)
    return (total / text.mask.sum(dim=1, keepdim=True).clamp(min=1)).double()


def token_of(
    encoder: TextEncoder, captions: Sequence[str], words: Sequence[str], *, last: bool
) -> Tensor:
    """Return the token at whose end a word of each caption ends, (N, D), float64."""
    text = encoder.encode(captions)
    rows = []
    for i, (caption, word) in enumerate(zip(captions, words, strict=True)):
        start = caption.rindex(word) if last else caption.index(word)
        ends = [end for _, end in encoder.spans(caption)]
        rows.append(text.tokens[i, ends.index(start + len(word))])
    return torch.stack(rows).double()


def _labels(rows: Sequence[Sequence[str]], part: int, choices: Sequence[str]) -> Tensor:
    return torch.tensor([choices.index(row[part]) for row in rows])


def _one(features: Tensor) -> Tensor:
    return F.pad(features, (0, 1), value=1.0)


def _say(wording: str, colour: str, shape: str) -> str:
    other = COLOURS[(COLOURS.index(colour) + 1) % len(COLOURS)]
    return wording.format(colour=colour, shape=shape, other=other)


def report(found: dict[str, dict[str, dict[str, float]]]) -> None:
    """Print what each encoder knows, in two tables."""
    names = list(found)
    for part in ("knows", "elsewhere"):
        first = found[names[0]][part]
        rows = [[row, *(_cell(found[name][part][row]) for name in names)] for row in first]
        print_table([{"knows": "probe", "elsewhere": "wording: colour, shape"}[part], *names], rows)
        print()


def _cell(value: float | dict[str, float]) -> str:
    values = value.values() if isinstance(value, dict) else [value]
    return ", ".join(f"{number:.2f}" for number in values)


def main() -> None:
    """Run the probes, print the tables, write their JSON."""
    torch.set_num_threads(1)
    said = [_say(*words) for words in product(WORDINGS, COLOURS, SHAPES)]
    said += [f"{relation} {place}" for relation, place in product(RELATIONS, PLACES)]
    configs: dict[str, TextEncoderConfig] = {
        "t5-tiny": T5Config(),
        "t5-scenes": T5Config(name="t5-scenes"),
        "words": learned(WordsConfig(), said),
        "words, alone": learned(WordsConfig(neighbours=0.0), said),
    }
    encoders = {name: load_encoder(config) for name, config in configs.items()}
    found = {
        name: {"knows": knows(encoder), "elsewhere": elsewhere(encoder)}
        for name, encoder in encoders.items()
    }
    tiny = encoders["t5-tiny"]
    near = neighbours(tiny)
    lengths = {caption: int(tiny.encode([caption]).mask.sum()) for caption in LENGTHS}
    report(found)
    print_table(["word", "nearest"], [[word, ", ".join(others)] for word, others in near.items()])
    print()
    print_table(["caption", "tokens"], list(lengths.items()))
    save(
        "t5_tiny",
        "python -m benchmarks.t5_tiny",
        {"found": found, "nearest": near, "tokens": lengths},
    )


if __name__ == "__main__":
    main()
