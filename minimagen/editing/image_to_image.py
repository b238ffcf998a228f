"""Pictures drawn anew from a noised one: the more noise, the freer."""

from torch import Tensor

from minimagen.canvas import Canvas, Edit
from minimagen.editing.pictures import fitted, only
from minimagen.errors import UsageError
from minimagen.sampling.grids import truncated


def image_to_image(pictures: Tensor, strength: float) -> Edit:
    """Begin each walk with a picture, noised up to a time.

    The base decides what is in the picture, so it alone begins there; the others enlarge what it
    made of it.

    Args:
        pictures: one for all or one for each caption, any size, (N, 3, H, W) in [-1, 1].
        strength: the time up to which they are noised, in (0, 1]: at 1 hardly a trace is left.

    Raises:
        UsageError: for a strength outside (0, 1].

    Source: Meng et al. 2021 (arXiv:2108.01073), algorithm 1.
    """
    require_strength(strength)

    def edit(canvas: Canvas) -> Tensor:
        if not canvas.is_base:
            return canvas.paint()
        known = only(fitted(pictures, canvas.sides), canvas.places, canvas.noise)
        return canvas.paint(canvas.noised(known, strength), truncated(canvas.times, strength))

    return edit


def require_strength(strength: float) -> None:
    """Refuse what is no time of a walk.

    Raises:
        UsageError: for a strength outside (0, 1].
    """
    if not 0 < strength <= 1:
        raise UsageError(
            f"strength {strength:g}: give a number above 0 and up to 1; small ones change little"
        )
