"""``python -m minimagen evaluate``: how good a run's pictures are, in numbers and on a page."""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minimagen.cli.bars import counted
from minimagen.cli.flags import Flag, choice, directory, listed, parse_flags, real, whole
from minimagen.cli.judging import (
    BY,
    DATASET,
    FEATURES,
    SAMPLING,
    SIDE,
    WHAT,
    load,
    require_drawable,
    require_matplotlib,
    sampling,
    trained_as,
    write_report,
)
from minimagen.cli.leaving import leave_well
from minimagen.cli.shared import DEVICE, OUTPUT, PRECISION, SEED, named, run_flag
from minimagen.errors import UsageError

if TYPE_CHECKING:  # their imports cost seconds that --help need not wait for
    from minimagen.evaluation.evaluate import Findings, Plan
    from minimagen.evaluation.features import FeatureNetwork
    from minimagen.evaluation.pictures import FromFiles, Pictures
    from minimagen.evaluation.truth import Truth
    from minimagen.imagen import Imagen
    from minimagen.training.config import TrainingConfig

PARTS = "loss", "enlarging", "sweep"
PICTURES, DRAWN = 500, "pictures"
NUM_IMAGES = Flag(
    "NUM_IMAGES", "-n", WHAT, f"pictures that are drawn; default: {PICTURES}", whole(6, 1_000_000)
)
FLAGS = (
    run_flag(WHAT),
    Flag(
        "PICTURES",
        "-i",
        WHAT,
        "a folder of pictures that are there, such as a generated_images_<TIMESTAMP>; "
        "default: they are drawn",
        directory,
    ),
    NUM_IMAGES,
    Flag(
        "CAPTIONS",
        "-c",
        WHAT,
        "a caption, or a .txt file with one a line, drawn in turn; default: those of pictures that "
        "training did not see",
    ),
    Flag("UNCONDITIONAL", None, WHAT, "draw without captions", switch=True),
    DATASET,
    SIDE,
    *SAMPLING,
    FEATURES,
    Flag(
        "ONLY",
        None,
        BY,
        f"what the cascade itself is asked, besides its pictures: some of {', '.join(PARTS)}, or "
        "nothing; default: all",
        listed(choice(*PARTS, "nothing")),
    ),
    Flag(
        "SWEEP",
        None,
        BY,
        "scales of guidance that are compared; default: 1,1.5,2,3,5,8",
        listed(real(0, 1000)),
    ),
    Flag(
        "MAP", None, BY, "features in the plane by pca or tsne; default: pca", choice("pca", "tsne")
    ),
    OUTPUT,
    DEVICE,
    PRECISION,
    SEED,
)
EXAMPLES = """\
  python -m minimagen evaluate training_20261121_101500 -s 64
  python -m minimagen evaluate -i generated_images_20261121_103000 --dataset pictures/ -f dinov2"""


@dataclass(frozen=True)
class Subject:
    """What is to be judged.

    Args:
        run: the training directory; None where pictures were brought without one.
        imagen: the cascade; likewise.
        training: says what the real pictures are.
    """

    run: Path | None
    imagen: "Imagen | None"
    training: "TrainingConfig"


def evaluate(options: argparse.Namespace) -> Path:
    """Judge, print the table, write the report; returns the directory that was made.

    Raises:
        UsageError: for flags that do not go together.
        DataError: for pictures or a data set that cannot be had.
        CheckpointError: when there is no such run.
    """
    began = time.monotonic()
    _refuse(options)
    from minimagen.drawing.outputs import new_directory
    from minimagen.evaluation import evaluate as evaluation
    from minimagen.evaluation.features import load_features
    from minimagen.evaluation.pictures import Pictures, found_in
    from minimagen.evaluation.truth import Truth
    from minimagen.runtime import pick_device

    subject = _subject(options)
    network = load_features(options.features or "tiny", pick_device(options.device))
    brought = None if options.pictures is None else found_in(options.pictures, options.img_side_len)
    plan = _plan(options, subject, brought)
    truth = Truth.of(subject.training, plan.size)
    captions = _captions(options, truth) if brought is None else list(brought.captions)
    if subject.imagen is not None:
        is_default = brought is None and options.captions is None
        require_drawable(subject.imagen, captions, plan, brought is None, is_default)
    folder = new_directory(options.output or Path(), "evaluation")
    pictures: Pictures | None = brought
    if pictures is None:
        assert subject.imagen is not None, "pictures are drawn by a run"
        pictures = evaluation.draw(subject.imagen, captions, plan, folder / DRAWN, counted)
    found = evaluation.evaluate(pictures, truth, network, plan, counted, subject.imagen)
    facts = _facts(options, subject, truth, network, plan, found.pictures)
    _write(folder, facts | {"seconds": round(time.monotonic() - began, 1)}, found)
    return folder


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen evaluate", "Judge a run's pictures by real ones."
    return leave_well(
        prog, lambda: evaluate(parse_flags(prog, about, FLAGS, EXAMPLES, named(argv, FLAGS)))
    )


def _refuse(options: argparse.Namespace) -> None:
    require_matplotlib("evaluate")
    if options.unconditional and options.captions is not None:
        raise UsageError("--UNCONDITIONAL: draws without --CAPTIONS; leave one of them out")
    if options.pictures is None:
        return
    for name in ("num_images", "captions", "unconditional", "batch_size"):
        if getattr(options, name) is not None:
            raise UsageError(
                f"--{name.upper()}: means nothing with --PICTURES, which are there; leave it out"
            )
    if options.training_directory is None and options.dataset is None:
        raise UsageError("--DATASET: missing; say what the real pictures are, or name their run")


def _subject(options: argparse.Namespace) -> Subject:
    from minimagen.cli.drawing import choose_directory
    from minimagen.evaluation.truth import with_dataset
    from minimagen.training.config import TrainingConfig

    if options.pictures is not None and options.training_directory is None:
        return Subject(None, None, with_dataset(TrainingConfig(), options.dataset))
    run = choose_directory(options.training_directory)
    imagen = load(run, options)
    return Subject(run, imagen, trained_as(run, options.dataset))


def _plan(options: argparse.Namespace, subject: Subject, brought: "FromFiles | None") -> "Plan":
    from minimagen.evaluation.evaluate import Plan
    from minimagen.evaluation.sweep import SCALES

    parts = tuple(part for part in options.only or PARTS if part != "nothing")
    return Plan(
        pictures=options.num_images or PICTURES,
        size=_size(options, subject, brought),
        seed=options.seed or 0,
        parts=parts,
        scales=tuple(options.sweep or SCALES),
        layout=options.map or "pca",
        batch_size=options.batch_size,
        how=sampling(options),
    )


def _size(options: argparse.Namespace, subject: Subject, brought: "FromFiles | None") -> int:
    """Return the side of the pictures: as asked for, as they are, or as the last stage draws."""
    if options.img_side_len is not None:
        return int(options.img_side_len)
    if brought is not None:
        return brought.size
    assert subject.imagen is not None, "pictures are drawn by a run"
    return subject.imagen.stages[-1].config.size


def _captions(options: argparse.Namespace, truth: "Truth") -> list[str]:
    if options.unconditional:
        return [""]
    if options.captions is not None:
        from minimagen.cli.prompting import read_captions

        return read_captions(options.captions)
    return truth.captions


def _facts(
    options: argparse.Namespace,
    subject: Subject,
    truth: "Truth",
    network: "FeatureNetwork",
    plan: "Plan",
    pictures: "Pictures",
) -> dict[str, Any]:
    """Return what was judged and how, for the report."""
    facts: dict[str, Any] = {"command": f"minimagen {' '.join(sys.argv[1:])}"}
    if subject.run is not None and subject.imagen is not None:
        from minimagen.weights import weights_sha256

        kind = options.weights or "ema"
        facts["run"] = subject.run.resolve().name
        facts["weights"] = kind
        drawing = [stage.index for stage in subject.imagen.stages if stage.config.size <= plan.size]
        facts["weights_sha256"] = weights_sha256(subject.run, drawing, kind)
        if options.pictures is None:
            facts["sampling"] = [
                f"{one.how.sampler}, {one.how.steps} steps, guidance {one.how.guidance_scale:g}"
                for one in subject.imagen.plan(size=plan.size, **plan.how)
            ]
    if options.pictures is not None:
        facts["folder"] = options.pictures.name
    return facts | {
        "pictures_judged": len(pictures),
        "size": plan.size,
        "seed": plan.seed,
        "dataset": truth.data.dataset,
        "fingerprint": truth.source.fingerprint,
        "real_pictures": {"training": len(truth.training), "held_out": len(truth.held_out)},
        "features": network.identity,
    }


def _write(folder: Path, facts: dict[str, Any], found: "Findings") -> None:
    from minimagen.evaluation.report.plain import plain
    from minimagen.evaluation.report.sections import measured, sections_of

    title = f"Evaluation of {facts.get('run') or facts.get('folder')}"
    page = write_report(folder, title, facts, plain(facts, found), sections_of(found))
    for line in found.doubts:
        print(f"note: {line}")
    width = max(len(each.title) for each in found.measures)
    for each in found.measures:
        print(f"{each.title:{width}}  {measured(each.found)}")
    print(page)
