"""A contender's process: orders come in, replies go out, a line of JSON each.

    {"do": "train", "seconds": 20}       until so much processor time is spent, or it is done
    {"do": "step", "times": 3}           so many steps
    {"do": "draw", "count": 36, "to": "pictures.npy"}      uint8 (36, S, S, 3)
    {"do": "call", "stage": 2}           a cascade's network, see its class

A reply tells what it took: ``processor`` seconds of all threads of this process, and ``wall`` ones.
What a contender prints goes where errors go.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from benchmarks.peers.contender import Cascade, Contender, Learner, Task

KINDS = {  # of contenders: where each is; only its own packages are imported
    "ours": ("ours", "Ours"),
    "peer": ("theirs", "Peer"),
    "ours at widths": ("ours_at_widths", "OursAtWidths"),
    "diffusers": ("diffusers_unet", "DiffusersUNet"),
    "our cascade": ("our_cascade", "OurCascade"),
    "cascade": ("their_cascade", "TheirCascade"),
}


def make(kind: str, task: Task, settings: dict[str, Any]) -> Any:
    """Make a contender."""
    module, name = KINDS[kind]
    return getattr(import_module(f"benchmarks.peers.{module}"), name)(task, **settings)


def train(learner: Learner, seconds: float) -> dict[str, Any]:
    """Train until the processor time is spent."""
    ends, losses = time.process_time() + seconds, []
    while time.process_time() < ends and not learner.is_done():
        losses.append(learner.step())
    mean = fmean(losses) if losses else None
    return {"steps": len(losses), "loss": mean, "done": learner.is_done()}


def step(learner: Learner, times: int) -> dict[str, Any]:
    """Take some steps."""
    return {"losses": [learner.step() for _ in range(times)]}


def loss(peer: Any, count: int) -> dict[str, Any]:
    """Measure a peer's loss on the first images, always with the same noise."""
    return {"loss": peer.loss(count)}


def save(peer: Any, to: str) -> dict[str, Any]:
    """Write what a peer learnt."""
    peer.save(to)
    return {}


def load(peer: Any, path: str) -> dict[str, Any]:
    """Read what a peer learnt."""
    peer.load(path)
    return {}


def draw(contender: Contender, count: int, to: str) -> dict[str, Any]:
    """Draw pictures into a file."""
    images = contender.draw(count).clamp(-1, 1)
    pictures = ((images + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
    np.save(to, pictures.numpy())
    return {}


def call(cascade: Cascade, stage: int) -> dict[str, Any]:
    """Call the network of a stage."""
    return cascade.call(stage)


ORDERS: dict[str, Callable[..., dict[str, Any]]] = {
    "train": train,
    "step": step,
    "loss": loss,
    "save": save,
    "load": load,
    "draw": draw,
    "call": call,
}


def obey(contender: Any, order: dict[str, Any]) -> dict[str, Any]:
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
