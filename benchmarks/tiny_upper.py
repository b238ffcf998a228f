"""How soon do small stages beat bicubic enlargement?  python -m benchmarks.tiny_upper [NAME ...].

Each row trains one super-resolution stage on ``shapes`` and stops now and then to enlarge true
pictures it was not trained on: PSNR in dB against these pictures, less that of bicubic enlargement.
Seconds are processor time of one thread, without the looking. Rows differ from ``FIRST``, which
shipped first, by what ``TRIED`` says.

Each run is kept in docs/measured/tiny_upper.jsonl and made once; delete it to begin anew.
"""

import argparse
import json
import tempfile
import time
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.enlarging import psnr
from benchmarks.ledger import Ledger
from benchmarks.record import MEASURED, print_table, save
from benchmarks.short_runs import TINY, opened
from minimagen.conditioning import Conditioning
from minimagen.lowres import resize
from minimagen.tensors import from_uint8
from minimagen.training.fit import Fit

PICTURES = 6
READINGS = 4  # of each run, evenly spaced
COLUMNS = "run", "dB above bicubic, after s of one thread"

Settings = dict[str, Any]
MUON = {
    "kind": "muon",
    "learning_rate": 0.002,
    "matrix_rate": 4.0,
    "warmup_steps": 20,
    "decay_share": 1.0,
}
FIRST: dict[int, Settings] = {
    1: {
        "unet_1.patch": 4,
        "unet_1.levels": [{"width": 32}, {"width": 96, "cross_attention": True}],
        "imagen.stages.1.crop": 64,
        "imagen.stages.1.augmentation.max_time": 0.2,
        "imagen.stages.1.augmentation.max_blur": 0.0,
        "imagen.stages.1.lowres_filter": "bilinear",
        "imagen.stages.1.sampling.steps": 8,
        "imagen.stages.1.sampling.augmentation": 0.05,
        "training.images": 1920,
        "training.batch_size": 16,
        "training.optimizer": MUON,
    },
    2: {
        "unet_2.patch": 4,
        "unet_2.levels": [{"width": 32}, {"width": 64, "cross_attention": True}],
        "imagen.stages.2.crop": 64,
        "imagen.stages.2.augmentation.max_time": 0.1,
        "imagen.stages.2.augmentation.max_blur": 0.0,
        "imagen.stages.2.lowres_filter": "bilinear",
        "imagen.stages.2.sampling.steps": 4,
        "imagen.stages.2.sampling.augmentation": 0.03,
        "training.images": 800,
        "training.batch_size": 8,
        "training.optimizer": MUON,
    },
}


def of_stage(stage: int, **changes: Any) -> Settings:
    """Return settings of one stage, as ``--SET`` names them."""
    return {f"imagen.stages.{stage}.{name.replace('__', '.')}": v for name, v in changes.items()}


CLEAN = {"sampling__augmentation": 0.0, "sampling__steps": 2}
SHARP = {"lowres_filter": "bicubic", **CLEAN}
LARGE = {"training.batch_size": 4, "training.images": 400}  # crops, and so fewer of them


def rates(rest: float, matrices: float) -> Settings:
    """Return the rate of first and last layers, norms and embeddings, and that of Muon."""
    changed = {"learning_rate": rest, "matrix_rate": round(matrices / rest, 3)}
    return {"training.optimizer": {**MUON, **changed}}


def gentle(
    stage: int, noise: float, rest: float, matrices: float, blur: float = 0.0
) -> tuple[int, Settings]:
    """Return a run on large crops of sharp low-res images, with up to so much noise on them."""
    spoilt = {"augmentation__max_time": noise, "augmentation__max_blur": blur}
    shown = of_stage(stage, **SHARP, crop=128, **spoilt)
    return stage, shown | LARGE | rates(rest, matrices)


TRIED: dict[str, tuple[int, Settings]] = {
    "256 first": (1, {}),
    "256 clean": (1, of_stage(1, **CLEAN)),
    "256 sharp, rates 5e-4 and 8e-3": (
        1,
        of_stage(1, **SHARP, augmentation__max_time=0.1) | rates(5e-4, 8e-3),
    ),
    "256 large crops, rates 5e-4 and 8e-3": gentle(1, 0.1, 5e-4, 8e-3),
    "256 large crops, rates 2e-4 and 8e-3": gentle(1, 0.1, 2e-4, 8e-3),
    "256 large crops, rates 1e-4 and 2e-3": gentle(1, 0.1, 1e-4, 2e-3),
    "256 the same, blurred": gentle(1, 0.1, 1e-4, 2e-3, blur=1.0),
    "512 first": (2, {}),
    "512 clean": (2, of_stage(2, **CLEAN)),
    "512 large crops": (2, of_stage(2, **SHARP, crop=128) | LARGE),
    "512 large crops, rates 7e-4 and 28e-4": (
        2,
        of_stage(2, **SHARP, crop=128) | LARGE | rates(7e-4, 28e-4),
    ),
    "512 large crops, rates 2e-4 and 4e-3": gentle(2, 0.05, 2e-4, 4e-3),
    "512 large crops, rates 1e-4 and 8e-3": gentle(2, 0.05, 1e-4, 8e-3),
    "512 large crops, rates 1e-4 and 2e-3": gentle(2, 0.05, 1e-4, 2e-3),
    "512 the same, blurred": gentle(2, 0.05, 1e-4, 2e-3, blur=1.0),
}


def flags_of(settings: Settings, seed: int) -> list[str]:
    """Return the command line of a run."""
    plain = {
        k: v if isinstance(v, int | float | str) else json.dumps(v) for k, v in settings.items()
    }
    sets = [word for name, value in plain.items() for word in ("--SET", f"{name}={value}")]
    return ["-p", str(TINY), "-dv", "cpu", "-sd", str(seed), *sets]


def measure(stage: int, settings: Settings, seed: int) -> dict[str, Any]:
    """Train a stage, reading it off now and then."""
    with tempfile.TemporaryDirectory() as output:
        return readings_of(opened(flags_of(settings, seed), Path(output), stage))


def readings_of(fit: Fit) -> dict[str, Any]:
    """Take all steps of a run, and return its seconds and its gain over bicubic on the way."""
    truth, small = pictures_of(fit)
    bicubic = psnr(truth, resize(small, truth.shape[-1], "bicubic"))
    stream, seconds, readings = fit.stream(), 0.0, []
    for reading in range(1, READINGS + 1):
        began = time.process_time()
        while fit.progress.step < reading * fit.steps // READINGS:
            fit.step(islice(stream, 1))
        seconds += time.process_time() - began
        gain = psnr(truth, enlarged(fit, small)) - bicubic
        readings.append([round(seconds, 1), round(gain, 2)])
    return {"pictures": PICTURES, "bicubic": bicubic, "readings": readings}


def pictures_of(fit: Fit) -> tuple[Tensor, Tensor]:
    """Return pictures held out of training, and what the stage before would have drawn at best."""
    truth = from_uint8(torch.stack(list(fit.checkup.held_out.images[:PICTURES])))
    assert fit.stage.smaller is not None, "a super-resolution stage has one before it"
    return truth, resize(truth, fit.stage.smaller)


@torch.no_grad()
def enlarged(fit: Fit, small: Tensor) -> Tensor:
    """Enlarge pictures by the averaged network."""
    stage, numbers = fit.learner.averaged, range(len(small))
    text = fit.checkup.held_out.text
    assert text is not None, "the tiny cascade reads captions"
    cond = Conditioning(text[: len(small)], stage.lowres(small, 0, numbers))
    return stage.sample(cond, seed=0, numbers=numbers)


def main() -> None:
    """Run the benchmark, print its table, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="rows to run; all that TRIED holds")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    ledger = Ledger(MEASURED / "tiny_upper.jsonl")
    rows = []
    for name in options.names or TRIED:
        stage, changes = TRIED[name]
        settings = FIRST[stage] | changes
        of = {"stage": stage, "settings": settings, "seed": options.seed}
        found = ledger.measured(of, partial(measure, stage, settings, options.seed))
        rows.append({"name": name, **found})
    print_table(
        COLUMNS,
        [(row["name"], *(f"{g:+.1f} ({s:.0f} s)" for s, g in row["readings"])) for row in rows],
    )
    if not options.names:
        save("tiny_upper", "python -m benchmarks.tiny_upper", {"runs": rows})


if __name__ == "__main__":
    main()
