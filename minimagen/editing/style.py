"""A picture in another style: told by two captions, what it shows and how it is to look."""

from dataclasses import replace
from functools import partial

from torch import Tensor

from minimagen.canvas import Canvas, Edit
from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.editing.inversion import by_inversion
from minimagen.editing.pictures import told
from minimagen.sampling.walk import Bound


def style_transfer(
    pictures: Tensor, shows: TextEmbedding, *, strength: float = 1.0, amount: float = 1.0
) -> Edit:
    """Draw pictures anew with only that changed in which two captions differ.

        x_0 = x_0(shows) + amount (x_0(caption) - x_0(shows))

    from the pictures' own noise. The caption that is drawn says how they are to look.

    Args:
        pictures: one for all or one for each caption, any size, (N, 3, H, W) in [-1, 1].
        shows: what they show, one for all or one for each, (N, L, D).
        strength: the time to walk back to, in (0, 1]; less keeps more of the pictures.
        amount: 0 brings them back, 1 is the caption, more exaggerates it.

    Raises:
        UsageError: for a strength outside (0, 1].

    Source: Brack et al. 2023 (arXiv:2301.12247), eq. 5, with one concept and no thresholds; the
    noise as in :func:`~minimagen.editing.inversion.by_inversion`.
    """
    anew = by_inversion(pictures, shows, strength)

    def edit(canvas: Canvas) -> Tensor:
        def bind(cond: Conditioning, guided: bool = True) -> Bound:
            if not guided:
                return canvas.bind(cond, guided)
            plain = replace(cond, text=told(shows, canvas.places, canvas.noise))
            return partial(_towards, canvas.bind(plain), canvas.bind(cond), amount)

        return anew(replace(canvas, bind=bind)) if canvas.is_base else canvas.paint()

    return edit


def _towards(plain: Bound, styled: Bound, amount: float, x_t: Tensor, t: Tensor) -> Tensor:
    return plain(x_t, t).lerp(styled(x_t, t), amount)
