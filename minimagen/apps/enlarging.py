"""Which stages enlarge a picture that was sent, and to what: its own ratio, and all its detail."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from minimagen.apps.requests import DrawRequest, Upscale
from minimagen.aspect import Sides
from minimagen.errors import UsageError
from minimagen.imagen import Imagen, StagePlan
from minimagen.upscaling import Enlarging, enlarged_sides

MAX_SIDE = 2048  # pixels of a result's side


@dataclass(frozen=True)
class Enlargement:
    """A picture, the stages that enlarge it, and what it becomes.

    Args:
        picture: RGB.
        plans: of the stages, in their order.
        sides: height and width of the result, in pixels.
    """

    picture: Image.Image
    plans: Sequence[StagePlan]
    sides: Sides


def enlargement_of(
    imagen: Imagen, request: DrawRequest, plans: Sequence[StagePlan]
) -> Enlargement | None:
    """Settle how a request enlarges a picture; None where it asks for something else.

    The stages whose pictures are larger than it enlarge it, but for the first ones where the result
    would be too large; where no stage draws larger ones, the last does.

    Args:
        imagen: draws.
        request: asks.
        plans: how its stages draw, up to the size that is asked for.

    Raises:
        UsageError: for a picture that is too small, or would become too large; for the size of the
            first stage, which enlarges nothing; for a negative caption.
    """
    if not isinstance(request.edit, Upscale):
        return None
    if request.negative is not None:
        raise UsageError("no negative caption is read while a picture is enlarged; leave it out")
    if len(plans) < 2:
        raise UsageError("the first stage enlarges nothing; choose a larger size")
    picture = Image.open(io.BytesIO(request.edit.picture)).convert("RGB")
    larger = [p for p in plans[1:] if p.stage.config.size > max(picture.size)] or [plans[-1]]
    smallest = imagen.stages[0].config.size
    while True:
        chain = [Enlarging(plan.stage, plan.how) for plan in larger]
        sides = enlarged_sides((picture.height, picture.width), chain, smallest, "the picture")
        if max(sides) <= MAX_SIDE:
            return Enlargement(picture, larger, sides)
        if len(larger) == 1:
            raise UsageError(
                f"the picture would become {sides[1]} x {sides[0]} pixels; send a smaller one, for "
                f"{MAX_SIDE} a side is the most"
            )
        larger = larger[1:]
