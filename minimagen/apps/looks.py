"""A picture of the history drawn once more, to see what each word of its caption did.

The first stage is looked at: it lays a picture out, the others draw what is finer.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from PIL import Image

from minimagen.apps.history import History
from minimagen.apps.requests import DrawRequest
from minimagen.apps.runs import Runs
from minimagen.errors import UsageError
from minimagen.imagen import Imagen
from minimagen.looking.report import sheet_of_tokens, sheet_of_words, some
from minimagen.looking.subjects import drawn
from minimagen.looking.words import shorter
from minimagen.stage import Stage
from minimagen.text.prompts import Prompt

MAX_WORDS = 24  # the first ones of a caption; each costs some calls of the network
MAX_TOKENS = 64  # likewise, of its tokens


def request_to_look(history: History, runs: Runs, entry: str, index: int) -> DrawRequest:
    """Return what draws the first stage of one picture of the history once more.

    Raises:
        UsageError: for a picture that is not there, one whose run is not on offer, or one that did
            not come from a caption alone.
    """
    shot, before = history.shot(entry, index), history.request(entry)
    if before.edit is not None:
        raise UsageError(
            "this picture was drawn from another one; look at one that came from a caption alone"
        )
    if not shot.caption.strip():
        raise UsageError(
            "this picture has no caption whose words could be looked at; choose another"
        )
    changes = {
        "captions": (shot.caption,),
        "first_number": shot.number,
        "images_per_caption": 1,
        "size": runs.run(before.run).sizes[0],
        **{name: _first(getattr(before, name)) for name in ("sampler", "steps", "guidance_scale")},
    }
    return DrawRequest.model_validate({**before.model_dump(), **changes})


def looked_at(
    imagen: Imagen, caption: Prompt, check: Callable[[], None], **how: Any
) -> dict[str, Image.Image]:
    """Draw the first stage and return its sheets: ``words``, unless one has a weight; ``tokens``.

    Args:
        imagen: draws.
        caption: what is drawn, and whose words are looked at.
        check: called before every call of the network; what it raises ends the looking.
        how: as :func:`~minimagen.looking.subjects.drawn` takes it.

    Raises:
        UsageError: when the stage reads no captions.
    """
    with _checking(imagen.stages[0], check):
        [subject] = drawn(imagen, caption, [0], **how)
        subject = replace(subject, moments=some(subject.moments))
        tokens = sheet_of_tokens(subject, imagen.pieces(caption)[:MAX_TOKENS])
        if tokens is None:
            raise UsageError("the first stage of this run reads no captions; choose another run")
        known = {} if caption.weights else shorter(imagen, caption.text, MAX_WORDS)
        words = sheet_of_words(subject, known)
    return {"tokens": tokens} if words is None else {"words": words, "tokens": tokens}


@contextmanager
def _checking(stage: Stage, check: Callable[[], None]) -> Iterator[None]:
    hook = stage.network.register_forward_pre_hook(lambda *_: check())
    try:
        yield
    finally:
        hook.remove()


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) else value
