"""``python -m minimagen evaluate``: how good a run's pictures are, in numbers and on a page."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minimagen.cli.bars import counted
from minimagen.cli.flags import Flag, choice, directory, listed, parse_flags, real, whole
from minimagen.cli.inference import EACH, weights
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

WHAT, HOW, BY = "what is judged", "how it is drawn", "how it is judged"
PARTS = "loss", "enlarging", "sweep"
PICTURES, DRAWN = 500, "pictures"
NUM_IMAGES = Flag(
    "NUM_IMAGES", "-n", WHAT, f"pictures that are drawn; default: {PICTURES}", whole(6, 1_000_000)
)
FEATURES = Flag(
    "FEATURES",
    "-f",
    BY,
    "what sees likeness: tiny, inception, dinov2, clip, or a file or directory of weights; "
    "default: tiny, which is shipped",
)
DATASET = Flag(
    "DATASET", "-ds", WHAT, "the real pictures, as train.py takes them; default: the run's own"
)
SIDE = Flag(
    "IMG_SIDE_LEN",
    "-s",
    WHAT,
    "judge the stage of this size in pixels; default: the last fitted stage's",
    whole(1),
)
SAMPLING = (
    Flag("WEIGHTS", "-w", WHAT, "as inference.py takes them; default: ema", weights),
    Flag("GUIDANCE_SCALE", "-g", HOW, f"1 means off; {EACH}", listed(real(0, 1000))),
    Flag("SAMPLER", "-sm", HOW, f"as inference.py takes them; {EACH}", listed(str)),
    Flag("STEPS", "-ns", HOW, f"steps of the sampler; {EACH}", listed(whole(1, 10_000))),
    Flag(
        "BATCH_SIZE",
        "-b",
        HOW,
        "pictures at a time, halved when they do not fit; default: 64 on a GPU, else 16",
        whole(1, 100_000),
    ),
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
    from minimagen.evaluation.pictures import found_in
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
    if brought is None:
        assert subject.imagen is not None, "pictures are drawn by a run"
        brought = evaluation.draw(subject.imagen, captions, plan, folder / DRAWN, counted)
    found = evaluation.evaluate(brought, truth, network, plan, counted, subject.imagen)
    facts = _facts(options, subject, truth, network, plan, found.pictures)
    _write(folder, facts | {"seconds": round(time.monotonic() - began, 1)}, found)
    return folder


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen evaluate", "Judge a run's pictures by real ones."
    return leave_well(
        prog, lambda: evaluate(parse_flags(prog, about, FLAGS, EXAMPLES, named(argv, FLAGS)))
    )


def require_matplotlib(command: str) -> None:
    """Check that plots can be drawn, before anything takes long.

    Raises:
        UsageError: when they cannot.
    """
    if find_spec("matplotlib") is None:
        raise UsageError(f"{command}: draws plots by matplotlib; pip install 'minimagen[plot]'")


def load(run: Path, options: argparse.Namespace) -> "Imagen":
    """Load a run's cascade with the weights asked for."""
    from minimagen.cli.average import prepare_weights
    from minimagen.imagen import Imagen

    kind = options.weights or "ema"
    prepare_weights(run, kind)
    return Imagen.load(run, options.device, weights=kind, precision=options.precision)


def require_drawable(
    imagen: "Imagen",
    captions: Sequence[str],
    plan: "Plan",
    are_drawn: bool = True,
    are_its_own: bool = False,
) -> None:
    """Refuse what cannot be drawn before anything is made.

    Args:
        imagen: the cascade.
        captions: what it is asked for.
        plan: how.
        are_drawn: whether pictures are drawn at all, or captions only swept.
        are_its_own: whether captions are those of a data set: it knows all of them or none.

    Raises:
        UsageError: for a size, a sampler or a caption that it does not know.
    """
    if are_drawn:
        imagen.plan(size=plan.size, **plan.how)
    if are_drawn or "sweep" in plan.parts:
        asked = captions[:1] if are_its_own else dict.fromkeys(captions)
        for caption in asked:  # one by one: many embeddings take much memory
            imagen.encode([caption])


def sampling(options: argparse.Namespace) -> dict[str, Any]:
    """Return how pictures are drawn, where that was said."""
    given = {name: getattr(options, name) for name in ("guidance_scale", "sampler", "steps")}
    return {
        name: values[0] if len(values) == 1 else values
        for name, values in given.items()
        if values is not None
    }


def trained_as(run: Path, dataset: str | None) -> "TrainingConfig":
    """Return how a run was trained, or as if on another data set.

    Raises:
        ConfigError: when it does not say.
    """
    from minimagen.evaluation.truth import with_dataset
    from minimagen.training.config import TrainingConfig

    return with_dataset(TrainingConfig.read(run / "parameters"), dataset)


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
    from minimagen.evaluation.report.page import Page
    from minimagen.evaluation.report.plain import plain
    from minimagen.evaluation.report.sections import measured, sections_of

    report = json.dumps(plain(facts, found), indent=1, ensure_ascii=False)
    (folder / "report.json").write_text(report + "\n", encoding="utf-8")
    title = f"Evaluation of {facts.get('run') or facts.get('folder')}"
    page = Page(
        title,
        [(name.replace("_", " "), said(fact)) for name, fact in facts.items()],
        sections_of(found),
    )
    (folder / "report.html").write_text(page.html(), encoding="utf-8")
    for line in found.doubts:
        print(f"note: {line}")
    width = max(len(each.title) for each in found.measures)
    for each in found.measures:
        print(f"{each.title:{width}}  {measured(each.found)}")
    print(folder / "report.html")


def said(fact: Any) -> str:
    """Write a fact for people."""
    if isinstance(fact, dict):
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in fact.items())
    return "; ".join(map(str, fact)) if isinstance(fact, list) else str(fact)
