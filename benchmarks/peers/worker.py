"""A contender's process: orders come in, replies go out, a line of JSON each.

    {"do": "train", "seconds": 20}       until so much processor time is spent, or it is done
    {"do": "step", "times": 3}           so many steps
    {"do": "draw", "count": 36, "to": "pictures.npy"}      uint8 (36, S, S, 3)

A reply tells what it took: ``processor`` seconds of all threads of this process, and ``wall`` ones.
What a contender prints goes where errors go.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from benchmarks.peers.contender import Contender, Task


def make(kind: str, task: Task, settings: dict[str, Any]) -> Contender:
    """Make a contender; only its own packages are imported."""
    if kind == "ours":
        from benchmarks.peers.ours import Ours

        return Ours(task, **settings)
    if kind == "peer":
        from benchmarks.peers.theirs import Peer

        return Peer(task, **settings)
    if kind == "ours at widths":
        from benchmarks.peers.ours_at_widths import OursAtWidths

        return OursAtWidths(task, **settings)
    if kind == "diffusers":
        from benchmarks.peers.diffusers_unet import DiffusersUNet

        return DiffusersUNet(task, **settings)
    raise ValueError(f"no contender {kind!r}")


def train(contender: Contender, seconds: float) -> dict[str, Any]:
    """Train until the processor time is spent."""
    ends, losses = time.process_time() + seconds, []
    while time.process_time() < ends and not contender.is_done():
        losses.append(contender.step())
    mean = fmean(losses) if losses else None
    return {"steps": len(losses), "loss": mean, "done": contender.is_done()}


def step(contender: Contender, times: int) -> dict[str, Any]:
    """Take some steps."""
    return {"losses": [contender.step() for _ in range(times)]}


def draw(contender: Contender, count: int, to: str) -> dict[str, Any]:
    """Draw pictures into a file."""
    images = contender.draw(count).clamp(-1, 1)
    pictures = ((images + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
    np.save(to, pictures.numpy())
    return {}


ORDERS: dict[str, Callable[..., dict[str, Any]]] = {"train": train, "step": step, "draw": draw}


def obey(contender: Contender, order: dict[str, Any]) -> dict[str, Any]:
    """Do what an order says and tell what it took."""
    wall, processor = time.perf_counter(), time.process_time()
    found = ORDERS[order.pop("do")](contender, **order)
    spent = {"processor": time.process_time() - processor, "wall": time.perf_counter() - wall}
    return {**found, **spent}


def main() -> None:
    """Serve until the orders end."""
    kind, folder, settings, threads = sys.argv[1:]
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    sys.stdout = sys.stderr
    torch.set_num_threads(int(threads))
    contender = make(kind, Task.read(Path(folder)), json.loads(settings))
    print(json.dumps({"weights": contender.weights()}), file=replies, flush=True)
    for line in sys.stdin:
        print(json.dumps(obey(contender, json.loads(line))), file=replies, flush=True)


if __name__ == "__main__":
    main()
