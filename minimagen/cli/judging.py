"""What commands that judge pictures share: their flags, their checks, their report."""

import argparse
import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minimagen.cli.flags import Flag, listed, real, whole
from minimagen.cli.inference import EACH, weights
from minimagen.errors import UsageError

if TYPE_CHECKING:  # their imports cost seconds that --help need not wait for
    from minimagen.evaluation.evaluate import Plan
    from minimagen.evaluation.report.page import Section
    from minimagen.imagen import Imagen
    from minimagen.training.config import TrainingConfig

WHAT, HOW, BY = "what is judged", "how it is drawn", "how it is judged"
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


def write_report(
    folder: Path,
    title: str,
    facts: Mapping[str, Any],
    report: Mapping[str, Any],
    sections: "Sequence[Section]",
) -> Path:
    """Write ``report.json`` and ``report.html``; returns where the page is.

    Args:
        folder: gets both.
        title: of the page.
        facts: what was judged and how.
        report: everything, for programs.
        sections: the same, for people.
    """
    from minimagen.evaluation.report.page import Page

    text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    (folder / "report.json").write_text(text, encoding="utf-8")
    named = [(name.replace("_", " "), _said(fact)) for name, fact in facts.items()]
    page = folder / "report.html"
    page.write_text(Page(title, named, sections).html(), encoding="utf-8")
    return page


def _said(fact: Any) -> str:
    """Write a fact for people."""
    if isinstance(fact, dict):
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in fact.items())
    return "; ".join(map(str, fact)) if isinstance(fact, list) else str(fact)
