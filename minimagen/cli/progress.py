"""One bar for a whole drawing: which images, which stage and step, how long it will still take."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from minimagen.drawing.batches import Batch
from minimagen.imagen import Imagen, StagePlan
from minimagen.watching import Glimpse, Pace, step_costs

LAYOUT = "{desc} {percentage:3.0f}%|{bar}|"


class Progress:
    """What the bar shows.

    Args:
        bar: of tqdm, from 0 to 1.
        pace: how long the images of this process take.
        count: images in all, for people.
        stages: that draw them.
    """

    def __init__(self, bar: Any, pace: Pace, count: int, stages: int) -> None:
        self._bar, self._pace, self._count, self._stages = bar, pace, count, stages
        self._done = 0

    def see(self, glimpse: Glimpse) -> None:
        """Show one moment of a drawing."""
        places = glimpse.places
        mine = range(self._done, self._done + len(places))
        left = self._pace.seconds_left(replace(glimpse, places=mine))
        past = self._bar.format_dict["elapsed"]
        self._bar.n = 0.0 if left is None else past / max(past + left, 1e-9)
        said = "" if left is None else f", {self._bar.format_interval(left)} left"
        self._bar.set_description_str(
            f"{_named(places, self._count)}, stage {glimpse.stage + 1} of {self._stages}, "
            f"step {glimpse.step} of {glimpse.of}{said}",
            refresh=False,
        )
        self._bar.update(0)

    def have(self, batch: Batch) -> None:
        """Count the images of a batch as drawn."""
        self._done += batch.size

    def tell(self, line: str) -> None:
        """Say something above the bar."""
        self._bar.write(line)


@contextmanager
def progress(
    imagen: Imagen, plans: Sequence[StagePlan], mine: int, count: int
) -> Iterator[Progress]:
    """Show a bar while images are drawn.

    Args:
        imagen: draws them.
        plans: how its stages do.
        mine: images that this process draws.
        count: images in all.
    """
    from tqdm import tqdm

    calls = [1 + plan.is_guided for plan in plans]  # null text is asked too
    costs = [cost * times for cost, times in zip(step_costs(imagen.config), calls, strict=False)]
    steps = [len(plan.stage.times(plan.how.steps)) - 1 for plan in plans]
    with tqdm(total=1.0, desc="drawing", bar_format=LAYOUT) as bar:
        yield Progress(bar, Pace(costs, steps, mine), count, len(plans))


def _named(places: range, count: int) -> str:
    first, last = places[0], places[-1]
    which = f"image {first}" if first == last else f"images {first} to {last}"
    return f"{which} of {count}"
