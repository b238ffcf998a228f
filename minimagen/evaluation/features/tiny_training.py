"""Train the feature network that is shipped, on the built-in scenes and the handwritten digits.

It is asked three things of a picture: which things or digit it shows, in which of nine places which
colours and shapes are, and how the picture was spoilt. Equal seed, steps and threads give equal
bytes. Colours and shapes are shown in all combinations: a judge must know what a generator has to
combine for itself.
"""

import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn

from minimagen import seeds
from minimagen.data.drawing import draw
from minimagen.data.shapes import scene, scene_for
from minimagen.data.world import COLOURS, PLACES, SHAPES, Scene, all_pairs, place_of
from minimagen.evaluation.digit_classifier import real_digits
from minimagen.evaluation.features.spoiling import KINDS, spoilt
from minimagen.evaluation.features.tiny import BLOCKS, CLASSES, CONCLUDED, SIDE, THINGS, TinyNetwork
from minimagen.tensors import crop, from_uint8, to_uint8

BATCH = 64
RATE = 4e-3
DIGIT_SHARE = 0.3  # of a batch
SHIFTED = 6  # pixels that a training picture is moved by at most
DULLEST = 0.1  # of its layer's median: a feature that hardly varies is not blown up further
MEASURED = 1024  # unspoilt pictures by which features are brought to one scale
Progress = Callable[[int, int, float], None]  # steps done, steps in all, loss
SPOTS = [place for row in PLACES for place in row]
TRAITS = [*COLOURS, *SHAPES["scenes"]]


@dataclass(frozen=True)
class Pool:
    """Pictures to learn from.

    Args:
        images: uint8, (N, 3, 64, 64); kept small.
        classes: how likely each class is to be named, rows sum to 1, (N, 46).
        places: which colours and shapes are in which place, 0 or 1, (N, 108); NaN of digits.
        scenes: how many are scenes; the digits come after these.
    """

    images: Tensor
    classes: Tensor
    places: Tensor
    scenes: int


class Questions(nn.Module):
    """What the network is asked besides the class; thrown away after training."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Linear(CONCLUDED, len(SPOTS) * len(TRAITS))
        self.spoilt = nn.Linear(CONCLUDED, len(KINDS))


def build(
    directory: Path,
    *,
    steps: int,
    seed: int,
    scenes: int = 6_000,
    progress: Progress = lambda done, steps, loss: None,
) -> None:
    """Train the network and write it to a directory.

    Args:
        directory: made if missing; its files of the same name are replaced.
        steps: optimizer steps of 64 pictures.
        seed: every draw follows from it.
        scenes: how many scenes to learn from, beside the digits.
        progress: called after every step.

    Raises:
        DataError: when scikit-learn, which brings the digits, is not installed.
    """
    began = time.monotonic()
    pool = gather(scenes, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.hash_key("tiny features", seed))
        network, questions = TinyNetwork(), Questions()
    loss = _train(network, questions, pool, steps, seed, progress)
    _balance(network, pool, seed)
    directory.mkdir(parents=True, exist_ok=True)
    half = {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    (directory / "model.safetensors").write_bytes(save(half))
    record = _provenance(steps, seed, loss, time.monotonic() - began)
    (directory / "provenance.json").write_text(record, encoding="utf-8")


def gather(scenes: int, seed: int) -> Pool:
    """Draw scenes of one, some and two things, in all combinations, and take the digits."""
    drawn = list(islice(_scenes(seed), scenes))
    images = torch.from_numpy(np.stack([draw(each, SIDE) for each in drawn])).permute(0, 3, 1, 2)
    digits, labels = real_digits(SIDE)
    named = F.one_hot(labels + len(THINGS), CLASSES).float()
    unknown = torch.full((len(digits), len(SPOTS) * len(TRAITS)), torch.nan)
    return Pool(
        images=torch.cat([images, to_uint8(digits)]),
        classes=torch.cat([torch.stack([_classes(each) for each in drawn]), named]),
        places=torch.cat([torch.stack([_places(each) for each in drawn]), unknown]),
        scenes=len(drawn),
    )


def _scenes(seed: int) -> Iterator[Scene]:
    """Alternate: one thing of every colour and shape in turn, and any scene."""
    pairs, number = all_pairs("scenes"), 0
    while True:
        yield scene_for(pairs[number % len(pairs)], seed, number)
        yield scene(seeds.hash_key("tiny features", seed) % 2**31, number, "scenes")
        number += 1


def _classes(described: Scene) -> Tensor:
    found = torch.zeros(CLASSES)
    for thing in described.things:
        found[THINGS.index(f"{thing.colour} {thing.shape}")] += 1 / len(described.things)
    return found


def _places(described: Scene) -> Tensor:
    found = torch.zeros(len(SPOTS), len(TRAITS))
    for thing in described.things:
        for trait in (thing.colour, thing.shape):
            found[SPOTS.index(place_of(thing)), TRAITS.index(trait)] = 1
    return found.flatten()


def _train(
    network: TinyNetwork,
    questions: Questions,
    pool: Pool,
    steps: int,
    seed: int,
    progress: Progress,
) -> float:
    """Run AdamW with warm-up and linear decay; return the mean loss of the last tenth."""
    parameters = [*network.parameters(), *questions.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, betas=(0.9, 0.99), weight_decay=0.01)
    losses: list[float] = []
    for step in range(steps):
        source = seeds.generator("tiny features", seed, step)
        rows = _rows(pool, source)
        images, strengths = spoilt(_moved(pool, rows, source), source)
        optimizer.param_groups[0]["lr"] = RATE * _rate(step, steps)
        loss = _loss(network, questions, images, pool, rows, strengths)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(loss.item())
        progress(step + 1, steps, losses[-1])
    last = losses[-max(steps // 10, 1) :]
    return sum(last) / len(last)


def _rows(pool: Pool, source: torch.Generator) -> Tensor:
    digits = round(DIGIT_SHARE * BATCH)
    return torch.cat(
        [
            torch.randint(pool.scenes, (BATCH - digits,), generator=source),
            torch.randint(pool.scenes, len(pool.images), (digits,), generator=source),
        ]
    )


def _moved(pool: Pool, rows: Tensor, source: torch.Generator) -> Tensor:
    """Take pictures, digits a little to one side; what comes in is the edge repeated."""
    images = from_uint8(pool.images[rows])
    corners = torch.randint(2 * SHIFTED + 1, (len(rows), 2), generator=source)
    corners[rows < pool.scenes] = SHIFTED  # a scene's places are asked for
    padded = F.pad(images, [SHIFTED] * 4, mode="replicate")
    return crop(padded, corners, SIDE)


def _loss(
    network: TinyNetwork,
    questions: Questions,
    images: Tensor,
    pool: Pool,
    rows: Tensor,
    strengths: Tensor,
) -> Tensor:
    concluded = network.raw(images)[:, -CONCLUDED:]
    classes = F.cross_entropy(network.classify(concluded), pool.classes[rows])
    known = rows < pool.scenes
    places = F.binary_cross_entropy_with_logits(
        questions.places(concluded[known]), pool.places[rows[known]]
    )
    spoiling = F.mse_loss(questions.spoilt(concluded), strengths)
    loss: Tensor = classes + 4 * places + 4 * spoiling  # each starts near 1 to 4
    return loss


def _rate(step: int, steps: int) -> float:
    """Rise over the first twentieth, then fall to zero; a fraction of the peak."""
    warm_up = max(steps // 20, 1)
    return min((step + 1) / warm_up, (steps - step) / max(steps - warm_up, 1))


@torch.no_grad()
def _balance(network: TinyNetwork, pool: Pool, seed: int) -> None:
    """Bring every feature to mean 0 and variance 1 over unspoilt pictures, half of them digits."""
    network.eval()
    source = seeds.generator("tiny features", seed, "balance")
    places = torch.cat(
        [
            torch.randint(pool.scenes, (MEASURED // 2,), generator=source),
            torch.randint(pool.scenes, len(pool.images), (MEASURED // 2,), generator=source),
        ]
    )
    batches = [from_uint8(pool.images[some]) for some in torch.split(places, BATCH)]
    raw = torch.cat([network.raw(images) for images in batches])
    network.middle.copy_(raw.mean(dim=0))
    spread = torch.split(raw.std(dim=0), list(BLOCKS))
    network.spread.copy_(torch.cat([each.clamp(min=DULLEST * each.median()) for each in spread]))


def _provenance(steps: int, seed: int, loss: float, seconds: float) -> str:
    record = {
        "command": f"python -m minimagen build-features --steps {steps} --seed {seed}",
        "steps": steps,
        "seed": seed,
        "final_loss": round(loss, 4),
        "seconds": round(seconds),
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), "torch": str(torch.__version__)},
    }
    return json.dumps(record, indent=2) + "\n"
