"""``python -m minimagen build-t5-scenes``: teach t5-tiny again what stands where."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from minimagen.cli.bars import learning
from minimagen.cli.building import build_flags
from minimagen.cli.flags import parse_flags
from minimagen.cli.leaving import leave_well

STEPS = 2000
FLAGS = build_flags("t5_scenes", STEPS, "captions")
EXAMPLES = """\
  python -m minimagen build-t5-scenes -o my_encoder
  python train.py -p parameters/scenes -t5 my_encoder"""


def build(options: argparse.Namespace) -> None:
    """Teach the encoder captions of the built-in scenes and write it."""
    from minimagen.data.grammar import caption_stream
    from minimagen.data.phrases import phrases
    from minimagen.text.build_t5_scenes import build as build_encoder

    output, seed = options.output or Path("t5_scenes"), options.seed or 0
    steps = options.steps or STEPS
    with learning("t5-scenes", steps) as show:
        captions = caption_stream(seed)
        build_encoder(captions, phrases, output, steps=steps, seed=seed, progress=show)
    print(f"text encoder: {output}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen build-t5-scenes", "Teach t5-tiny again what stands where."
    return leave_well(prog, lambda: build(parse_flags(prog, about, FLAGS, EXAMPLES, argv)))
