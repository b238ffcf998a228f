"""Which base learns most in the seconds of main.py?  python -m benchmarks.tiny_base [NAME ...].

Each row is one short training of a 64 px base on ``shapes``, judged by pictures of all captions
that training never saw, drawn twice. Rows differ from ``FIRST``, which shipped first, by what
``TRIED`` says. Seconds are processor time of one thread, so that other work on the machine counts
less.

Before that, what a step of some ladders costs, the ladders taking turns.

Each run is kept in docs/measured/tiny_base.jsonl and made once; delete it to begin anew.
"""

import argparse
import json
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.ledger import Ledger
from benchmarks.record import MEASURED, print_table, save
from benchmarks.short_runs import BATCH, TINY, flags_of, trained, validations
from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.config import parse
from minimagen.data.shapes import held_out_captions
from minimagen.evaluation.caption_accuracy import caption_accuracy
from minimagen.imagen import Imagen
from minimagen.models import UNet, UNetConfig

CAPTIONS = 108  # all there are
DRAWN = 0, 1  # seeds of the pictures
COLUMNS = "run", "seed", "images", "s of one thread", "validation loss", "right of 216"


def levels(*widths: int, blocks: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """Return a ladder that reads the text, and looks at itself, at its last level."""
    ladder: list[dict[str, Any]] = [{"width": width} for width in widths]
    ladder[-1] |= {"self_attention": True, "cross_attention": True}
    for level, count in zip(ladder, blocks, strict=False):
        level["blocks"] = count
    return ladder


FIRST: dict[str, Any] = {
    "unet_0.patch": 2,
    "unet_0.levels": levels(16, 32, 64),
    "unet_0.embedding": 128,
    "training.images": 20160,
    "training.batch_size": 32,
    "training.data.shapes.size": 2048,
    "training.optimizer": {
        "kind": "muon",
        "learning_rate": 0.002,
        "matrix_rate": 4.0,
        "warmup_steps": 20,
        "decay_share": 1.0,
    },
    "training.ema.decay": 0.98,
    "imagen.stages.0.schedule.shift": -1.386,
    "imagen.stages.0.weighting.floor": 1.0,
}


def muon(**changes: float) -> dict[str, Any]:
    """Return the first optimizer with changes."""
    return {"training.optimizer": {**FIRST["training.optimizer"], **changes}}


STEM = {"unet_0.levels": levels(16, 32, 64, blocks=(0, 1, 1))}
SHORT = {"training.images": 12_800}
TRIED: dict[str, dict[str, Any]] = {
    "first, short": SHORT,
    "stem, short": STEM | SHORT,
    "stem, short, AdamW 4e-3": STEM | SHORT | muon(learning_rate=0.004, matrix_rate=2.0),
    "stem, short, momentum 0.9": STEM | SHORT | muon(momentum=0.9),
    "stem, short, momentum 0.9, floor 0.4": STEM
    | SHORT
    | muon(momentum=0.9)
    | {"imagen.stages.0.weighting.floor": 0.4},
}
LADDERS: dict[str, dict[str, Any]] = {  # whose steps are timed
    "2 px, 16/32/64": {},
    "2 px, stem of 16, 32/64": {"levels": levels(16, 32, 64, blocks=(0, 1, 1))},
    "2 px, stem of 8, 32/64": {"levels": levels(8, 32, 64, blocks=(0, 1, 1))},
    "2 px, stem of 16, 48/64": {"levels": levels(16, 48, 64, blocks=(0, 1, 1))},
    "2 px, stem of 16, 32/96": {"levels": levels(16, 32, 96, blocks=(0, 1, 1))},
    "2 px, 8/32/64": {"levels": levels(8, 32, 64)},
    "4 px, 32/64": {"patch": 4, "levels": levels(32, 64)},
    "4 px, 48/96": {"patch": 4, "levels": levels(48, 96)},
}
ROUNDS = 4  # of timing; the first is not counted


def settings_of(name: str) -> dict[str, Any]:
    """Return all settings of a run, as ``--SET`` takes them."""
    everything = FIRST | TRIED[name]
    return {
        key: value if isinstance(value, int | float) else json.dumps(value)
        for key, value in everything.items()
    }


def milliseconds() -> dict[str, float]:
    """Return the least processor time of a forward and backward pass of each ladder, in turn."""
    torch.set_num_threads(1)
    config = json.loads((TINY / "unet_0_params.json").read_text(encoding="utf-8"))
    config |= {"patch": 2, "levels": levels(16, 32, 64)}
    networks = {
        name: UNet(parse(UNetConfig, json.dumps(config | own), name), 64, lowres=False)
        for name, own in LADDERS.items()
    }
    x_t, log_snr = torch.randn(BATCH, 3, 64, 64), torch.randn(BATCH)
    text = TextEmbedding(torch.randn(BATCH, 10, 64), torch.ones(BATCH, 10, dtype=torch.bool))
    spent: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(ROUNDS):
        for name, network in networks.items():
            began = time.process_time()
            network(x_t, log_snr, Conditioning(text)).square().mean().backward()
            spent[name].append(1e3 * (time.process_time() - began))
    return {name: round(min(times[1:])) for name, times in spent.items()}


def measure(name: str, seed: int) -> dict[str, float]:
    """Train, and score what is drawn of all held-out captions."""
    settings = settings_of(name)
    batch = settings.pop("training.batch_size")
    flags = [*flags_of(settings, seed=seed), "-b", str(batch)]
    with tempfile.TemporaryDirectory() as output:
        run, seconds = trained(flags, Path(output))
        loss = validations(run)[-1]
        imagen = Imagen.load(run).with_sampling(steps=10)
    captions = held_out_captions("single", CAPTIONS, seed=0)
    right = [score(imagen, captions, drawn) for drawn in DRAWN]
    return {
        "seconds": round(seconds, 1),
        "validation_loss": loss["validation_loss"],
        "validation_loss_bins": loss["validation_loss_bins"],
        "accuracy": round(sum(right) / len(right), 4),
    }


def score(imagen: Imagen, captions: list[str], seed: int) -> float:
    """Return the share of captions drawn right from one seed's noise."""
    pictures = imagen.generate(captions, size=64, seed=seed, batch_size=36)
    return caption_accuracy([np.asarray(picture) for picture in pictures], captions)


def main() -> None:
    """Run the benchmark, print its table, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="rows to run; all that TRIED holds")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    ledger = Ledger(MEASURED / "tiny_base.jsonl")
    rows = []
    for name in options.names or TRIED:
        for seed in options.seeds:
            of = {"settings": FIRST | TRIED[name], "seed": seed}
            found = ledger.measured(of, partial(measure, name, seed))
            rows.append(
                {"name": name, "seed": seed, "images": of["settings"]["training.images"], **found}
            )
    costs = ledger.measured({"what": "ms a step", "ladders": LADDERS}, milliseconds)
    print_table(("ladder", "ms forward and backward"), list(costs.items()))
    print_table(
        COLUMNS,
        [
            (
                row["name"],
                row["seed"],
                row["images"],
                f"{row['seconds']:.0f}",
                f"{row['validation_loss']:.4f}",
                f"{row['accuracy']:.3f}",
            )
            for row in rows
        ],
    )
    if not options.names:
        save("tiny_base", "python -m benchmarks.tiny_base", {"costs": costs, "runs": rows})


if __name__ == "__main__":
    main()
