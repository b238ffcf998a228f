"""Drawing seen from outside: where each walk is, what it shows so far, how long it will take.

Any edit can be watched. What is told to raises to stop the drawing: within one call of a network.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor

from minimagen.canvas import Canvas, Edit
from minimagen.cascade import CascadeConfig
from minimagen.conditioning import Conditioning
from minimagen.models.cost import flops_about
from minimagen.sampling.walk import Bound


@dataclass(frozen=True)
class Glimpse:
    """One moment of a drawing.

    Args:
        stage: the stage's place in the cascade, from 0.
        places: which of the captions the images are for, (B,).
        step: of the sampler that is being taken, from 1; 0 where an edit only looks at pictures.
        of: how many steps the stage takes.
        estimate: what the images would become, (B, C, H, W), about in [-1, 1].
    """

    stage: int
    places: range
    step: int
    of: int
    estimate: Tensor


See = Callable[[Glimpse], None]
"""Is told of each call of a network; what it raises ends the drawing."""


def watched(edit: Edit, see: See) -> Edit:
    """Tell of every call of a network that an edit makes; it draws the same images.

    Args:
        edit: a function of a canvas; ``Canvas.paint`` is a plain walk.
        see: is told, on the thread that draws.
    """

    def watch(canvas: Canvas) -> Tensor:
        def bind(cond: Conditioning, guided: bool = True) -> Bound:
            return partial(_seen, canvas, see, guided, canvas.bind(cond, guided))

        return edit(replace(canvas, bind=bind))

    return watch


def _seen(canvas: Canvas, see: See, guided: bool, denoise: Bound, x_t: Tensor, t: Tensor) -> Tensor:
    x_0 = denoise(x_t, t)
    # An unguided walk is one back to noise, which comes before the steps and is not counted.
    step = _step_at(canvas.times, float(t[0])) if guided else 0
    see(Glimpse(canvas.stage, canvas.places, step, len(canvas.times) - 1, x_0))
    return x_0


def _step_at(times: Tensor, t: float) -> int:
    """Return which step of a decreasing grid a network is asked in at time t, from 1."""
    return max(1, int((times[:-1].double() >= t - 1e-9).sum()))


class Pace:
    """How long the rest of a drawing will take.

    Stages that have been seen are as fast as they were; of those to come the speed is reckoned from
    what their networks compute. Time counts from the first moment that is seen: what comes before
    it, such as reading captions and warming up, comes once.

    Args:
        costs: what a step of each stage costs an image, in any unit; see :func:`step_costs`.
        steps: of each stage.
        images: in all.
    """

    def __init__(self, costs: Sequence[float], steps: Sequence[int], images: int) -> None:
        self._work = [cost * count for cost, count in zip(costs, steps, strict=True)]
        self._images = images
        self._seconds, self._done = [0.0] * len(steps), [0.0] * len(steps)
        self._untimed = [0.0] * len(steps)  # was done when the first moment was seen
        self._last: float | None = None

    @property
    def stages(self) -> int:
        """How many stages draw."""
        return len(self._work)

    def seconds_left(self, glimpse: Glimpse) -> float | None:
        """Return the time left as it looks at this moment; moments come in order.

        None while nobody knows: until a step has been taken since the first moment.
        """
        self._count(glimpse)
        now = time.monotonic()
        if self._last is None:
            self._last, self._untimed = now, list(self._done)
        self._seconds[glimpse.stage] += now - self._last
        self._last = now
        timed = sum(map(self._timed, range(len(self._work))))
        if not timed:
            return None
        overall = sum(self._seconds) / timed
        return sum(self._left(k, overall) for k in range(len(self._work)))

    def _count(self, glimpse: Glimpse) -> None:
        """Take down how much of each stage is done."""
        stage, part = glimpse.stage, glimpse.step / glimpse.of
        for k, work in enumerate(self._work):
            whole = glimpse.places.start + len(glimpse.places) * (k < stage)
            self._done[k] = work * (whole + len(glimpse.places) * part * (k == stage))

    def _timed(self, stage: int) -> float:
        return self._done[stage] - self._untimed[stage]

    def _left(self, stage: int, overall: float) -> float:
        timed = self._timed(stage)
        rate = self._seconds[stage] / timed if timed else overall
        return (self._work[stage] * self._images - self._done[stage]) * rate


def step_costs(config: CascadeConfig) -> list[int]:
    """Return about how many operations a step of each stage takes for one square image."""
    stages = config.imagen.stages
    return [flops_about(unet, stage.size) for unet, stage in zip(config.unets, stages, strict=True)]
