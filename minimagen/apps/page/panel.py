"""What a visitor sees of a job, as HTML: a card for each stage, and one sentence.

Previews travel inside the HTML, so that no file is kept of a picture that is not finished. All
text that came from a visitor is escaped here.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from PIL import Image

LARGEST = 320  # side of a preview in pixels: more would only cost time
COARSE = 128  # up to so many pixels high it is enlarged as it is, in squares


@dataclass(frozen=True)
class Card:
    """One stage of a job that is being drawn.

    Args:
        size: side of its pictures in pixels.
        done: steps done.
        steps: of all; 0 while nobody knows.
        preview: the newest estimate; None before the first, and for stages to come.
    """

    size: int
    done: int
    steps: int
    preview: Image.Image | None = None


def progress(sentence: str, cards: Sequence[Card]) -> str:
    """Show how far a job is; the sentence is read out by screen readers."""
    shown = "".join(map(_card, cards))
    return f'<div class="stages">{shown}</div>{note(sentence)}'


def complaint(sentence: str) -> str:
    """Show what went wrong, and what to do, as the error says it."""
    return f'<p class="said complaint" role="alert">{escape(sentence)}</p>'


def note(sentence: str) -> str:
    """Show one sentence."""
    return f'<p class="said" aria-live="polite">{escape(sentence)}</p>'


def empty(first: str, then: str) -> str:
    """Show what to do first where there is nothing yet."""
    return f'<div class="empty"><strong>{escape(first)}</strong><span>{escape(then)}</span></div>'


def seconds(count: float) -> str:
    """Say a time as people do: "8 s", "1 min 40 s", "2 h 5 min"."""
    whole = max(0, round(count))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _card(card: Card) -> str:
    state = "waiting" if not card.done else "done" if card.done >= card.steps else "going"
    count = f"{card.done} of {card.steps}" if card.steps else ""
    picture = '<div class="blank"></div>' if card.preview is None else _picture(card)
    return (
        f'<figure class="stage {state}">{picture}<figcaption>{card.size} px'
        f"<span>{count}</span></figcaption>"
        f'<progress value="{card.done}" max="{card.steps or 1}" aria-label="{card.size} px">'
        "</progress>"
        "</figure>"
    )


def _picture(card: Card) -> str:
    assert card.preview is not None
    shown = card.preview.convert("RGB")
    shown.thumbnail((LARGEST, LARGEST))
    file = io.BytesIO()
    shown.save(file, "JPEG", quality=80)
    data = base64.b64encode(file.getvalue()).decode()
    alt = f"{card.size} px after step {card.done}"
    look = ' class="coarse"' if shown.height <= COARSE else ""
    return f'<img{look} src="data:image/jpeg;base64,{data}" alt="{alt}">'
