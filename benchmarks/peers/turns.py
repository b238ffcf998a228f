"""Contenders that take turns at noise, so that a slow minute of the machine slows all of them."""

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks.peers.client import Worker, require_peers
from benchmarks.peers.contender import Task

ITEMS, TOKENS, SIDE = 64, 16, 64

Contenders = Mapping[str, tuple[str, dict[str, Any]]]  # by name: kind of the process, settings


@contextmanager
def started(contenders: Contenders, threads: int, text_width: int) -> Iterator[dict[str, Worker]]:
    """Start all contenders, each with the same task of noise; they end with the block.

    Args:
        contenders: who takes part.
        threads: of each one's process.
        text_width: of the embeddings.
    """
    tokens = torch.randn(ITEMS, TOKENS, text_width)
    mask = torch.ones(ITEMS, TOKENS, dtype=torch.bool)
    images = torch.randint(256, (ITEMS, 3, SIDE, SIDE), dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        task = Path(folder)
        Task(images, tokens, mask, tokens, mask).write(task)
        yield {
            name: stack.enter_context(Worker(kind, task, settings, threads=threads))
            for name, (kind, settings) in contenders.items()
        }


def parse(description: str | None, rounds: int) -> argparse.Namespace:
    """Read the flags of a benchmark whose contenders take turns; the peers must be there."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=description, formatter_class=raw)
    parser.add_argument("--rounds", type=int, default=rounds, help="turns of each contender")
    parser.add_argument("--threads", type=int, default=2, help="of each contender's process")
    options = parser.parse_args()
    require_peers()
    return options


def command_of(name: str, options: argparse.Namespace) -> str:
    """Return the command that was given."""
    return f"python -m benchmarks.{name} --rounds {options.rounds} --threads {options.threads}"
