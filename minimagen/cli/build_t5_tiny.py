"""``python -m minimagen build-t5-tiny``: train the bundled text encoder again."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from minimagen.cli.bars import learning
from minimagen.cli.building import build_flags
from minimagen.cli.flags import parse_flags
from minimagen.cli.leaving import leave_well

STEPS = 1000
FLAGS = build_flags("t5_tiny", STEPS, "captions")
EXAMPLES = """\
  python -m minimagen build-t5-tiny -o my_encoder
  python train.py -p parameters/tiny -t5 my_encoder"""


def build(options: argparse.Namespace) -> None:
    """Train the encoder on captions of the built-in data and write it."""
    from minimagen.data.grammar import caption_stream
    from minimagen.text.build_t5_tiny import build as build_encoder

    output, seed = options.output or Path("t5_tiny"), options.seed or 0
    steps = options.steps or STEPS
    with learning("t5-tiny", steps) as show:
        build_encoder(caption_stream(seed), output, steps=steps, seed=seed, progress=show)
    print(f"text encoder: {output}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen build-t5-tiny", "Train the bundled text encoder again."
    return leave_well(prog, lambda: build(parse_flags(prog, about, FLAGS, EXAMPLES, argv)))
