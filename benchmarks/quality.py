"""How good the small cascades are, and what a choice changes.

    python -m benchmarks.quality PART -d training_<TIMESTAMP>

    digits        of parameters/digits: by class at several scales of guidance, and without a class
    shapes        of parameters/tiny: the base by held-out captions, the upper stages beside filters
    choices       the same run, sampled in other ways: samplers, guidance, weights, augmentation
    objectives    short runs of parameters/digits that differ in what the network is asked for;
                  trains them, in -d
    averages      of the first of these runs, averages of several lengths

Every row is judged as ``python -m minimagen evaluate`` judges. Each is kept in
docs/measured/quality.jsonl as soon as it is measured, and is measured again only for other weights
or another feature network; pictures are kept below -o and drawn once. So a part may be interrupted,
and taken in pieces (--rows).
"""

import argparse
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.ledger import Ledger
from benchmarks.record import MEASURED, print_table, save
from benchmarks.short_runs import trained
from minimagen.evaluation.drawn import cycled, drawings
from minimagen.evaluation.features import load_features
from minimagen.evaluation.judged import look_at
from minimagen.evaluation.judges import judge_for
from minimagen.evaluation.measures import Measure, of_scores, of_sets
from minimagen.evaluation.pictures import FromFiles, found_in, saved
from minimagen.evaluation.report.sections import number
from minimagen.evaluation.super_resolution import enlargements
from minimagen.evaluation.truth import Truth, seen_by
from minimagen.grid import captioned_grid
from minimagen.imagen import Imagen
from minimagen.training.averaging import make_average
from minimagen.training.config import TrainingConfig
from minimagen.weights import weights_sha256

SIDE, UPPER = 64, 256
FEATURES = "tiny"
SHOWN = 12  # pictures of a row on its sheet
KEPT = "frechet_distance", "kernel_distance", "precision", "recall", "coverage", "authenticity"
PARTS = "digits", "shapes", "choices", "objectives", "averages"
MANY, SOME = 500, 128  # pictures of a way: where it is described, where it is compared
DIGITS = Path(__file__).parents[1] / "parameters" / "digits"
OBJECTIVES: dict[str, dict[str, Any]] = {  # each counts errors in its own space
    kind: {
        "imagen.stages.0.objective.kind": kind,
        "imagen.stages.0.weighting": '{"kind":"uniform"}',
        "training.images": 12_800,
        "training.ema": '{"kind":"power"}',
    }
    for kind in ("x_0", "v", "eps", "flow")
}
LENGTHS = 0.03, 0.05, 0.1, 0.2  # of averages, as shares of the run
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Way:
    """One way of drawing.

    Args:
        name: of its row.
        how: sampler, steps, guidance_scale.
        weights: which.
        unconditional: whether captions are left out.
    """

    name: str
    how: dict[str, Any]
    weights: str = "ema"
    unconditional: bool = False


WAYS: dict[str, list[Way]] = {
    "digits": [
        Way("by class, guidance 1.5", {}),
        Way("by class, unguided", {"guidance_scale": 1.0}),
        Way("without a class", {"guidance_scale": 1.0}, unconditional=True),
    ],
    "shapes": [Way("held-out captions", {})],
    "choices": [
        Way("as shipped: dpmpp_2m, 10 steps, guidance 1.5", {}),
        *(
            Way(f"{sampler}, {steps} steps", {"sampler": sampler, "steps": steps})
            for sampler, steps in (
                ("dpmpp_2m", 5),
                ("dpmpp_2m", 20),
                ("unipc", 10),
                ("ddim", 10),
                ("heun", 5),
                ("euler_ancestral", 10),
                ("ddpm", 20),
            )
        ),
        *(Way(f"guidance {g:g}", {"guidance_scale": g}) for g in (1.0, 3.0, 5.0, 8.0)),
        *(Way(f"{weights} weights", {}, weights) for weights in ("raw", "best")),
    ],
}


SHEETS = {
    WAYS["digits"][0]: "quality_digits.png",
    WAYS["digits"][2]: "quality_digits_unconditional.png",
    WAYS["shapes"][0]: "quality_shapes.png",
}


def silent(title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Show nothing."""
    return nullcontext(lambda more: None)


class Judge:
    """Judges ways of drawing by the data set of a run.

    Args:
        run: a training directory.
        pictures: how many of each way.
        kept: where pictures are kept, so that they are drawn once.
    """

    def __init__(self, run: Path, pictures: int, kept: Path) -> None:
        self.network = load_features(FEATURES)
        self.truth = Truth.of(TrainingConfig.read(run / "parameters"), SIDE)
        self.real = seen_by(self.network, self.truth, self.truth.training, SIDE, silent, "")
        self.pictures, self.kept = pictures, kept

    def of_way(self, run: Path, way: Way) -> tuple[Row, FromFiles]:
        """Draw in one way and judge; returns a row and the pictures."""
        pictures, seconds = self._drawn(run, way)
        judge = judge_for(self.truth.data, pictures.captions, self.network)
        seen = look_at(pictures, self.network, judge, silent)
        row: Row = {"right": None}
        if judge is not None and seen.scores is not None:
            row["right"] = told(of_scores(judge.name, judge.title, seen.scores))
        row |= self._measured(seen.features)
        row["core s a picture"] = f"{seconds / len(pictures):.3f}"
        return row, pictures

    def _drawn(self, run: Path, way: Way) -> tuple[FromFiles, float]:
        """Draw, unless that was done with these weights; also returns the core seconds it took."""
        weights = weights_sha256(run, [0], way.weights)
        name = "".join(letter if letter.isalnum() else "_" for letter in way.name)
        folder = self.kept / f"{weights[:12]}_{self.pictures}_{name}"
        note = folder / "core_seconds.txt"  # last: with it, all pictures are there
        if not note.is_file():
            shutil.rmtree(folder, ignore_errors=True)
            captions = cycled([""] if way.unconditional else self.truth.captions, self.pictures)
            imagen = Imagen.load(run, "cpu", weights=way.weights)
            began = time.process_time()
            saved(folder, captions, drawings(imagen, captions, size=SIDE, **way.how), SIDE)
            note.write_text(f"{time.process_time() - began:.3f}\n", encoding="utf-8")
        return found_in(folder), float(note.read_text(encoding="utf-8"))

    def of_held_out(self) -> Row:
        """Judge real pictures that training did not see, as if they had been drawn."""
        held_out = seen_by(self.network, self.truth, self.truth.held_out, SIDE, silent, "")
        features = held_out.reference.features[: self.pictures]
        return {"right": None, **self._measured(features), "core s a picture": None}

    def _measured(self, features: torch.Tensor) -> Row:
        found = {each.name: each for each in of_sets(features, self.real.reference, self.network)}
        return {
            "pictures": len(features),
            **{name.replace("_", " "): told(found[name]) for name in KEPT},
        }


def told(measure: Measure) -> str:
    """Write a measure and its interval."""
    found = measure.found
    return f"{number(found.value)} [{number(found.low)}, {number(found.high)}]"


def measure(
    part: str, run: Path, ways: Sequence[Way], ledger: Ledger, kept: Path, pictures: int = SOME
) -> list[Row]:
    """Judge ways of drawing with a run, and real pictures as if they had been drawn."""
    judge = Judge(run, pictures, kept)
    seen = {"part": part, "pictures": pictures, "features": judge.network.identity}
    rows = []
    for way in ways:
        of = seen | {"way": way.name, "weights": weights_sha256(run, [0], way.weights)}
        found = ledger.measured(of, partial(drawn_and_judged, judge, run, way))
        rows.append({"way": way.name, **found})
        print_table(list(rows[-1]), [list(rows[-1].values())])
    of = seen | {"way": "real", "data": judge.truth.source.fingerprint}
    return [*rows, {"way": "real, held out", **ledger.measured(of, judge.of_held_out)}]


def drawn_and_judged(judge: Judge, run: Path, way: Way) -> Row:
    """Draw in one way and judge; keeps a sheet where ``SHEETS`` says so."""
    row, pictures = judge.of_way(run, way)
    if way in SHEETS:
        shown = [[pictures.picture(place)] for place in range(SHOWN)]
        sheet = captioned_grid(shown, pictures.captions[:SHOWN], cell=128, columns=6)
        sheet.save(MEASURED / SHEETS[way])
    return row


def enlarged(run: Path, augmentation: float | None = None, size: int = 4096) -> list[Row]:
    """Judge the upper stages of a run, up to a size, beside filters."""
    imagen = Imagen.load(run, "cpu")
    if augmentation is not None:
        imagen = imagen.with_sampling(stages=[1], augmentation=augmentation)
    training = TrainingConfig.read(run / "parameters")
    truth = Truth.of(training, imagen.stages[-1].config.size)
    found = enlargements(imagen, truth.source, truth.held_out, size, silent)
    rows = []
    for each in found:
        more, beyond = each.beyond_bicubic, None
        if more is not None:
            beyond = f"{more.difference:.2f} [{number(more.low)}, {number(more.high)}]"
        rows.append(
            {
                "to": f"{each.size} px",
                "by": each.way,
                "PSNR, dB": f"{each.psnr.value:.2f}",
                "SSIM": f"{each.ssim.value:.4f}",
                "consistency, dB": f"{each.consistency.value:.2f}",
                "beyond bicubic, dB": beyond,
            }
        )
    return rows


def by_augmentation(run: Path, ledger: Ledger) -> list[Row]:
    """Judge the first upper stage at several levels of the noise added to what it enlarges."""
    rows = []
    for level in (0.0, 0.03, 0.1):
        of = {"part": "augmentation", "level": level, "weights": weights_sha256(run, [1])}
        found = ledger.measured(of, partial(enlarged, run, level, size=UPPER))
        rows += [{"augmentation": level, **row} for row in found if row["by"] == "the stage"]
    return rows


def short_run(where: Path, objective: str) -> Path:
    """Train with an objective, unless that was done; returns the training directory."""
    run = where / objective / "training_run"
    if not (run / "state_dicts" / "unet_0_state.safetensors").is_file():
        settings = OBJECTIVES[objective].items()
        sets = [word for key, value in settings for word in ("--SET", f"{key}={value}")]
        trained(["-p", str(DIGITS), "-dv", "cpu", *sets], where / objective)
    return run


def by_objective(runs: Mapping[str, Path], ledger: Ledger, kept: Path) -> list[Row]:
    """Judge short runs that differ in their objective."""
    return [
        row
        for name, run in runs.items()
        for row in measure("objectives", run, [Way(name, {})], ledger, kept)[:1]
    ]


def by_length(run: Path, ledger: Ledger, kept: Path) -> list[Row]:
    """Judge averages of several lengths, and the last weights."""
    for length in LENGTHS:
        make_average(run, 0, length)
    ways = [Way(f"sigma_rel {length:g}", {}, f"ema:{length:g}") for length in LENGTHS]
    return measure("averages", run, [*ways, Way("last weights", {}, "raw")], ledger, kept)[:-1]


def main() -> None:
    """Run a part, print its tables, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("-d", "--directory", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, default=Path("quality_pictures"))
    parser.add_argument("--rows", type=int, nargs="+", help="only these, and write no JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    ledger = Ledger(MEASURED / "quality.jsonl")
    part, run = options.part, options.directory
    command = f"python -m benchmarks.quality {part} -d training_<TIMESTAMP>"
    results: dict[str, Any] = {}
    if part == "objectives":
        runs = {name: short_run(run, name) for name in OBJECTIVES}
        results["objectives"] = by_objective(runs, ledger, options.output)
    elif part == "averages":
        results["averages"] = by_length(short_run(run, "x_0"), ledger, options.output)
    else:
        ways = [way for i, way in enumerate(WAYS[part]) if i in (options.rows or range(99))]
        many = SOME if part == "choices" else MANY
        results["ways"] = measure(part, run, ways, ledger, options.output, many)
    if options.rows is None and part == "shapes":
        of = {"part": "enlarged", "weights": weights_sha256(run, [1, 2])}
        results["enlarged"] = ledger.measured(of, partial(enlarged, run))
    if options.rows is None and part == "choices":
        results["augmentation"] = by_augmentation(run, ledger)
    for rows in results.values():
        if rows:
            print_table(list(rows[0]), [list(row.values()) for row in rows])
    if options.rows is None:
        save(f"quality_{part}", command, results)


if __name__ == "__main__":
    main()
