"""The one run that is on the device, and drawing with it what requests ask for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from minimagen.apps.edits import edit_of
from minimagen.apps.enlarging import Enlargement, enlargement_of
from minimagen.apps.looks import looked_at
from minimagen.apps.requests import DrawRequest, Upscale
from minimagen.apps.runs import Run
from minimagen.canvas import Canvas
from minimagen.imagen import Caption, Imagen, StagePlan, to_pictures
from minimagen.runtime import Precision
from minimagen.text.prompts import Prompt, literal, read_prompt
from minimagen.watching import Pace, See, step_costs, watched
from minimagen.weights import weights_sha256


@dataclass(frozen=True)
class Share:
    """Some pictures of one request, drawn together with those of others.

    Args:
        request: what is asked for.
        rows: which of its pictures, by their order.
    """

    request: DrawRequest
    rows: range

    @property
    def captions(self) -> list[Caption]:
        """What its pictures are drawn from."""
        rows = self.request.rows()
        return [_read(rows[i][0], self.request) for i in self.rows]

    @property
    def negatives(self) -> list[Caption] | None:
        """What its pictures are steered away from."""
        negative = self.request.negative
        return None if negative is None else [_read(negative, self.request)] * len(self.rows)

    @property
    def seeds(self) -> list[int]:
        """The seed of each of its pictures."""
        return [self.request.seed] * len(self.rows)

    @property
    def numbers(self) -> list[int]:
        """The number of each of its pictures."""
        rows = self.request.rows()
        return [rows[i][1] for i in self.rows]


class Painter:
    """Draws; it is used by one thread at a time, but for :meth:`check`.

    Args:
        run: what is loaded first.
        device: None is the best there is.
        precision: None is bf16 on a GPU that has it.
        weights: which of a run's weights, as :func:`~minimagen.weights.weights_path` takes them.

    Raises:
        CheckpointError: when the run cannot be loaded.
    """

    def __init__(
        self,
        run: Run,
        device: str | None = None,
        precision: Precision | None = None,
        weights: str = "ema",
    ) -> None:
        self._device, self._precision, self._weights = device, precision, weights
        self.run, self.imagen = run, self._load(run)
        self._costs = step_costs(self.imagen.config)
        self._sha256 = self._hash(run)

    def prepare(self, run: Run) -> None:
        """Put a run on the device in place of the one that is there, unless it is the same.

        Raises:
            CheckpointError: when it cannot be loaded; the other one stays.
        """
        if run.name == self.run.name:
            return
        loaded = self._load(run)
        self.run, self.imagen = run, loaded
        self._costs, self._sha256 = step_costs(loaded.config), self._hash(run)

    def check(self, request: DrawRequest) -> None:
        """Refuse what the loaded run cannot draw.

        Raises:
            UsageError: for a size, sampler, steps or edit that is impossible, and markup that is
                malformed.
        """
        plans = self._plan(request)
        if enlargement_of(self.imagen, request, plans) is None:
            edit_of(request, range(1), plans[-1].sides)
        for text in (*request.captions, request.negative or ""):
            _read(text, request)

    def draw(self, shares: Sequence[Share], see: See) -> list[Image.Image]:
        """Draw shares that :func:`can_share` a batch, in order.

        Args:
            shares: pictures of one or several requests.
            see: is told of every call of a network; what it raises ends the drawing.

        Raises:
            UsageError: for what the run cannot draw.
        """
        first = shares[0].request
        enlargement = enlargement_of(self.imagen, first, self._plan(first))
        if enlargement is not None:
            return [
                picture for share in shares for picture in self._enlarged(share, enlargement, see)
            ]
        sides = self._plan(first)[-1].sides
        negatives = [one for share in shares for one in share.negatives or ()]
        captions = [one for share in shares for one in share.captions]
        stages = self.imagen.sample_stages(
            captions,
            negative_captions=negatives or None,
            seed=[seed for share in shares for seed in share.seeds],
            numbers=[number for share in shares for number in share.numbers],
            batch_size=len(captions),
            edit=watched(edit_of(first, shares[0].rows, sides), see),
            **_how(first),
        )
        return to_pictures(stages[-1])

    def _enlarged(self, share: Share, enlargement: Enlargement, see: See) -> list[Image.Image]:
        """Enlarge a picture, once for each of a share's captions."""
        plans, request = enlargement.plans, share.request
        return self.imagen.upscale(
            [enlargement.picture] * len(share.rows),
            share.captions,
            stages=[plan.stage.index for plan in plans],
            sampler=[str(plan.how.sampler) for plan in plans],
            steps=[plan.how.steps for plan in plans],  # type: ignore[misc]
            guidance_scale=[plan.how.guidance_scale for plan in plans],  # type: ignore[misc]
            seed=request.seed,
            first_number=share.numbers[0],
            edit=watched(Canvas.paint, see),
        )

    def look(
        self, request: DrawRequest, see: See, check: Callable[[], None]
    ) -> dict[str, Image.Image]:
        """Draw the first stage of one picture and show what the words of its caption did.

        Args:
            request: as :func:`~minimagen.apps.looks.request_to_look` makes it.
            see: is told of every call of a network while it is drawn.
            check: called before every call of a network; what it raises ends the looking.

        Raises:
            UsageError: for what the run cannot draw, or look at.
        """
        how = {name: value for name, value in _how(request).items() if name != "size"}
        return looked_at(
            self.imagen,
            _read(request.captions[0], request),
            check,
            negative_captions=None
            if request.negative is None
            else [_read(request.negative, request)],
            seed=request.seed,
            first_number=request.first_number,
            edit=watched(Canvas.paint, see),
            **how,
        )

    @staticmethod
    def room(request: DrawRequest, batch_size: int) -> int:
        """Return how many pictures are drawn at once: of those that are enlarged, one."""
        return 1 if isinstance(request.edit, Upscale) else batch_size

    def pace(self, request: DrawRequest) -> Pace:
        """Return a clock for all pictures of a request."""
        plans = self._plan(request)
        steps = [len(plan.stage.times(plan.how.steps)) - 1 for plan in plans]
        enlargement = enlargement_of(self.imagen, request, plans)
        if enlargement is not None:
            used = {plan.stage.index for plan in enlargement.plans}
            steps = [count if index in used else 0 for index, count in enumerate(steps)]
        return Pace(self._costs[: len(plans)], steps, request.count)

    def settings(self, request: DrawRequest) -> Mapping[str, Any]:
        """Say how a request's pictures are drawn, as history and PNG fields keep it."""
        plans = self._plan(request)
        height, width = plans[-1].sides
        enlargement = enlargement_of(self.imagen, request, plans)
        if enlargement is not None:
            plans, (height, width) = list(enlargement.plans), enlargement.sides
        edit = None if request.edit is None else request.edit.kind
        return {
            "run": self.run.name,
            "weights": self._weights,
            "weights_sha256": self._sha256,
            "sampler": [plan.how.sampler for plan in plans],
            "steps": [plan.how.steps for plan in plans],
            "guidance_scale": [plan.how.guidance_scale for plan in plans],
            "negative_caption": request.negative,
            "pixels": f"{width} x {height}",
            "edit": edit,
        }

    def _plan(self, request: DrawRequest) -> list[StagePlan]:
        return self.imagen.plan(negative_captions=request.negative, **_how(request))

    def _load(self, run: Run) -> Imagen:
        how = {"weights": self._weights, "precision": self._precision}
        loaded = Imagen.load(run.path, self._device, **how)  # type: ignore[arg-type]
        loaded.encode([""])  # loads the text encoder too, before somebody waits for it
        return loaded

    def _hash(self, run: Run) -> str:
        return weights_sha256(run.path, range(len(self.imagen.stages)), self._weights)


def can_share(one: DrawRequest, other: DrawRequest) -> bool:
    """Whether pictures of two requests can be drawn in one batch."""
    if one.edit is not None or other.edit is not None:
        return False
    alike = (one.negative is None) == (other.negative is None) and one.run == other.run
    return alike and _how(one) == _how(other)


def _how(request: DrawRequest) -> dict[str, Any]:
    """Return the sampling options that a whole batch has in common."""
    return {
        "guidance_scale": _one_or_each(request.guidance_scale),
        "sampler": _one_or_each(request.sampler),
        "steps": _one_or_each(request.steps),
        "size": request.size,
        "aspect_ratio": request.aspect_ratio,
    }


def _one_or_each(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _read(caption: str, request: DrawRequest) -> Prompt:
    return read_prompt(caption) if request.weighted else literal(caption)
