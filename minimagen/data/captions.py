"""Captions as they train: on one line, and one of several drawn for each sample."""

from collections.abc import Sequence

from minimagen import seeds
from minimagen.seeds import Key


def clean_caption(text: str | None) -> str:
    """Put a caption on one line, without what no encoder can read."""
    readable = (text or "").encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
    return " ".join(readable.split())


def drawn(captions: Sequence[str], *key: Key) -> str:
    """Draw one of an item's captions.

    Args:
        captions: at least one.
        key: what the draw is for; the same key draws the same caption.
    """
    return captions[int(seeds.unit("caption", *key) * len(captions))]
