"""Whether the offline features notice what is wrong:  python -m benchmarks.damage.

Perfect generators of the built-in scenes and of the digits are damaged in fourteen ways, each at
four strengths, and judged by other true pictures. The Frechet distance should rise at every step,
from other true pictures on: by the shipped network's features, and for comparison by those of a
network that was never trained.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from benchmarks.damages import DAMAGES, Drawn, damaged, drawn_digits, drawn_scenes
from benchmarks.fixed_features import fixed_features
from benchmarks.record import print_table, save
from minimagen.evaluation.features import FeatureNetwork, features_of, load_features
from minimagen.evaluation.frechet import frechet_to
from minimagen.evaluation.statistics import Statistics
from minimagen.tensors import to_uint8

COUNT = 200  # pictures of a generator
REFERENCE = 1_000
See = Callable[[Tensor], Tensor]
Judge = Callable[[Tensor], float]


def judge_by(reference: Drawn, see: See) -> Judge:
    """Return the distance of pictures to true ones as a function of the pictures."""
    distance = frechet_to(Statistics.of(see(reference.images)))
    return lambda images: distance(see(images))


def distances(drawn: Drawn, kind: str, judge: Judge) -> list[float]:
    """Return the distances of damaged pictures, in rising strength."""
    return [judge(damaged(drawn, kind, strength).images) for strength in DAMAGES[kind][1]]


def steps_right(found: Sequence[float]) -> int:
    """Count the steps at which the distance rises."""
    return sum(lower < higher for lower, higher in pairwise(found))


def by_network(network: FeatureNetwork) -> See:
    """See pictures through a feature network."""
    return lambda images: features_of(network, [images])


def untrained(images: Tensor) -> Tensor:
    """See pictures through a network that was never trained."""
    return fixed_features(to_uint8(images).permute(0, 2, 3, 1).numpy())


def worlds() -> dict[str, tuple[Drawn, Drawn]]:
    """Return what is damaged, and what it is judged by."""
    digits, others = drawn_digits()
    return {
        "scenes": (drawn_scenes(COUNT, 1), drawn_scenes(REFERENCE, 2)),
        "digits": (digits.rows(torch.arange(COUNT)), others),
    }


def measure() -> list[dict[str, Any]]:
    """Damage both worlds in every way, and see it in both ways."""
    seeing = {"tiny": by_network(load_features("tiny")), "untrained": untrained}
    found = []
    for world, (drawn, reference) in worlds().items():
        judges = {name: judge_by(reference, see) for name, see in seeing.items()}
        true = {name: judge(drawn.images) for name, judge in judges.items()}
        for kind, (_, strengths) in DAMAGES.items():
            if torch.equal(damaged(drawn, kind, strengths[-1]).images, drawn.images):
                continue  # grey digits have no colour that could be shifted
            row: dict[str, Any] = {"world": world, "damage": kind, "strengths": strengths}
            for name, judge in judges.items():
                rising = [true[name], *distances(drawn, kind, judge)]
                row[name] = [round(each, 3) for each in rising]
                row[f"{name}_right"] = steps_right(rising)
            found.append(row)
            print(f"{world}, {kind}: {row['tiny_right']} of {len(strengths)}", flush=True)
    return found


def report(found: list[dict[str, Any]]) -> None:
    """Print a row a damage, and how many steps were right in all."""
    rows = [
        [row["world"], row["damage"], *row["tiny"], row["tiny_right"], row["untrained_right"]]
        for row in found
    ]
    columns = ["pictures of", "damage", "none", "1", "2", "3", "4", "steps right", "untrained"]
    print_table(columns, rows)
    steps = sum(len(row["strengths"]) for row in found)
    right = {name: sum(row[f"{name}_right"] for row in found) for name in ("tiny", "untrained")}
    print(f"\nOf {steps} steps, {right['tiny']} are right; untrained, {right['untrained']}.")


def main() -> None:
    """Measure, print and record."""
    found = measure()
    report(found)
    save(
        "damage",
        "python -m benchmarks.damage",
        {"pictures": COUNT, "reference": REFERENCE, "found": found},
    )


if __name__ == "__main__":
    main()
