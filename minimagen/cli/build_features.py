"""``python -m minimagen build-features``: train the bundled feature network again."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from minimagen.cli.bars import learning
from minimagen.cli.building import build_flags
from minimagen.cli.flags import parse_flags
from minimagen.cli.leaving import leave_well

STEPS = 1600
FLAGS = build_flags("tiny_features", STEPS, "pictures")
EXAMPLES = """\
  python -m minimagen build-features
  python -m minimagen build-features -o my_features --steps 300"""


def build(options: argparse.Namespace) -> None:
    """Train the network on the built-in scenes and the digits, and write it."""
    from minimagen.evaluation.features.tiny_training import build as build_features

    output, seed = options.output or Path("tiny_features"), options.seed or 0
    steps = options.steps or STEPS
    with learning("features", steps) as show:
        build_features(output, steps=steps, seed=seed, progress=show)
    print(f"feature network: {output}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen build-features", "Train the bundled feature network again."
    return leave_well(prog, lambda: build(parse_flags(prog, about, FLAGS, EXAMPLES, argv)))
