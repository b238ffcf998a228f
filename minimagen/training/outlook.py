"""How long there is to go, for a stage and for the whole run."""

import time
from functools import cached_property

from minimagen.cascade import CascadeConfig
from minimagen.checkpoint import newest_first
from minimagen.models.cost import flops_about
from minimagen.training.run import Run


class Outlook:
    """The pace of a stage since it was begun or continued, and what that means for the rest.

    Args:
        run: what the stages have in common.
        stage: its number.
        step: optimizer steps behind it.
        steps: in all.
    """

    def __init__(self, run: Run, stage: int, step: int, steps: int) -> None:
        self.run, self.stage, self.first, self.steps = run, stage, step, steps
        self.began = time.monotonic()

    def seconds_left(self, step: int) -> dict[str, float]:
        """Return ``stage_left_s`` and ``run_left_s``; a step must have been taken.

        Validations and checkpoints are in it, as far as there were any. The run is this stage and
        all that have steps left, as if they were fitted here, one after the other; their speed is
        not known yet, and reckoned from what their networks compute.
        """
        pace = (time.monotonic() - self.began) / (step - self.first)
        left = pace * (self.steps - step)
        others = pace * self.steps_elsewhere
        return {"stage_left_s": round(left, 1), "run_left_s": round(left + others, 1)}

    @cached_property
    def steps_elsewhere(self) -> float:
        """What is left of all other stages, in steps of this one."""
        cascade, _ = self.run.directory.configuration()
        stages = range(len(cascade.imagen.stages))
        images = {i: self._images_left(i) for i in stages if i != self.stage}
        waiting = {i: count for i, count in images.items() if count}
        if not waiting:
            return 0.0
        work = sum(count * _work_of_an_image(cascade, i) for i, count in waiting.items())
        return work / (self._images_per_step(self.stage) * _work_of_an_image(cascade, self.stage))

    def _images_left(self, stage: int) -> int:
        config = self.run.config
        steps = config.length_in_steps(stage, len(self.run.training), self.run.processes.count)
        newest = next(iter(newest_first(self.run.directory.checkpoints(stage))), None)
        done = 0 if newest is None else int(newest.name.removeprefix("step_"))
        return max(steps - done, 0) * self._images_per_step(stage)

    def _images_per_step(self, stage: int) -> int:
        return self.run.config.images_per_step(stage, self.run.processes.count)


def _work_of_an_image(cascade: CascadeConfig, stage: int) -> int:
    """Count the operations of a stage's network on one training image."""
    config = cascade.imagen.stages[stage]
    return flops_about(cascade.unets[stage], config.crop or config.size)
