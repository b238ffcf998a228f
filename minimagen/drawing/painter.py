"""A cascade that is told everything about the images it is to draw, and draws them by batches."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from PIL import Image

from minimagen.aspect import Sides
from minimagen.canvas import Canvas, Edit
from minimagen.conditioning import TextEmbedding
from minimagen.drawing.batches import Batch
from minimagen.drawing.edits import captions_of, edit_of
from minimagen.drawing.inputs import Inputs
from minimagen.drawing.settings import Settings
from minimagen.errors import UsageError
from minimagen.imagen import Imagen, StagePlan, to_pictures
from minimagen.text.prompts import Prompt
from minimagen.watching import See, watched

HALFWAY = 0.5  # how far an image goes towards another where its record does not say


class Painter:
    """Draws the images of some settings.

    All captions are embedded here, once each, and padded to the longest of them all: so an image
    does not depend on which others are drawn with it, nor on which are there already.

    Args:
        imagen: the cascade.
        settings: what is drawn.
        inputs: pictures and masks of its edit.
        plans: how its stages draw, from :meth:`~minimagen.imagen.Imagen.plan`.

    Raises:
        UsageError: for what cannot be drawn, or a caption that the text encoder refuses.
        ConfigError: when the text encoder cannot be loaded.
        DataError: for a picture or a mask that is none.
    """

    def __init__(
        self, imagen: Imagen, settings: Settings, inputs: Inputs, plans: Sequence[StagePlan]
    ) -> None:
        self._imagen, self._settings, self._plans = imagen, settings, plans
        prompts = [settings.prompt(place) for place in range(settings.count)]
        distinct = {prompt: row for row, prompt in enumerate(dict.fromkeys(prompts))}
        self._rows = torch.tensor([distinct[prompt] for prompt in prompts])
        self._text = _embedded(imagen, list(distinct))
        self._negative = (
            None if settings.negative is None else _embedded(imagen, [settings.negative])
        )
        self._edit = _edit(imagen, settings, inputs, plans[-1].sides)

    def draw(self, batch: Batch, see: See | None = None) -> list[Image.Image]:
        """Draw one batch, through all stages.

        Args:
            batch: which images.
            see: is told of each call of a network.
        """
        edit = self._edit if see is None else watched(self._edit, see)
        drawn = self._imagen.draw(
            [_edited(plan, edit) for plan in self._plans],
            None if self._text is None else self._text[self._rows[list(batch.places)]],
            None if self._negative is None else self._negative.repeated(batch.size),
            seed=self._settings.seed,
            numbers=[self._settings.number(place) for place in batch.places],
            places=batch.places,
        )
        return to_pictures(drawn[-1])


def _embedded(imagen: Imagen, prompts: Sequence[Prompt]) -> TextEmbedding | None:
    """Embed captions, and keep that in the machine's memory, where there is more of it."""
    text = imagen.encode(prompts)
    return None if text is None else text.to("cpu")


def _edit(imagen: Imagen, settings: Settings, inputs: Inputs, sides: Sides) -> Edit:
    if settings.edit is None:
        return Canvas.paint
    prompts = [settings.read(caption) for caption in captions_of(settings.edit)]
    texts = [text for prompt in prompts if (text := _embedded(imagen, [prompt])) is not None]
    if len(texts) != len(prompts):
        raise UsageError("this cascade reads no captions, so an edit cannot have one either")
    amounts = [HALFWAY if record.amount is None else record.amount for record in settings.prompts]
    return edit_of(settings.edit, inputs, texts, amounts, sides)


def _edited(plan: StagePlan, edit: Edit) -> StagePlan:
    return replace(plan, how=replace(plan.how, edit=edit))
