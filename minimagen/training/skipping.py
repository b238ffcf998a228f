"""Steps whose loss or gradient is no number: they change nothing, and are written down."""

from collections.abc import Sequence

from minimagen.data.stream import make_loader
from minimagen.stage import Stage
from minimagen.training.journal import Journal
from minimagen.training.learner import Gradient
from minimagen.training.run import Run

NAMED = 8  # images named to people; programs are told all


def write_down(run: Run, stage: Stage, step: int, gradient: Gradient, journal: Journal) -> str:
    """Tell people and programs about a skipped step; returns what people are told.

    Args:
        run: what the stages have in common.
        stage: the stage that skips it.
        step: the number of the step, from 1.
        gradient: what its batches came to.
        journal: where it is written.
    """
    numbers = gradient.suspects()
    names = file_names(run, stage, numbers, len(gradient.numbers))
    loss, norm = float(gradient.loss), float(gradient.norm)
    what = f"loss {loss:g}, gradient norm {norm:g}, {_listed(numbers, names)}"
    journal.note(f"skipped step {step}: {what}")
    journal.measure(step, skipped=numbers, file_names=names)
    return what


def file_names(
    run: Run, stage: Stage, numbers: Sequence[int], images_per_step: int = 1
) -> list[str]:
    """Return the names of the items that were these samples of a stage's stream."""
    framing = run.framing(stage.index, images_per_step)
    loader = make_loader(run.source, run.training, framing, run.config.seed, stage.index)
    # Loaded again, for only loading tells which item stood in for one that was unreadable.
    return [run.source.name(sample.index) for sample in loader(numbers)]


def _listed(numbers: Sequence[int], names: Sequence[str]) -> str:
    pairs = [f"{number} ({name})" for number, name in zip(numbers, names, strict=True)]
    more = len(pairs) - NAMED
    return f"samples {', '.join(pairs[:NAMED])}{f' and {more} more' if more > 0 else ''}"
