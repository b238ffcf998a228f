"""Captions longer than an encoder reads, in several windows."""

from collections.abc import Sequence

import torch

from minimagen.conditioning import TextEmbedding
from minimagen.text.captions import clean
from minimagen.text.encoders import TextEncoder


class WindowedEncoder:
    """An encoder that reads a long caption piece by piece; see :class:`TextEncoder`.

    A caption that fits is embedded as by the encoder itself, to the bit. Pieces end between words
    and do not know of each other; their tokens follow one another.

    Args:
        encoder: reads the pieces.
        windows: at most so many of them, at least 1; what is left over is cut.
    """

    def __init__(self, encoder: TextEncoder, windows: int) -> None:
        self._encoder = encoder
        self._windows = windows

    @property
    def width(self) -> int:
        """Numbers per token, D."""
        return self._encoder.width

    @property
    def identity(self) -> str:
        """Everything that changes the embeddings."""
        return f"{self._encoder.identity}, {self._windows} windows"

    def encode(self, captions: Sequence[str]) -> TextEmbedding:
        """Embed captions; tokens (B, L, D), L up to ``windows`` times what the encoder keeps."""
        pieces = [self._pieces(caption) for caption in captions]
        text = self._encoder.encode([piece for some in pieces for piece in some])
        rows = iter(text.tokens[row][mask] for row, mask in enumerate(text.mask))
        tokens = [torch.cat([next(rows) for _ in some]) for some in pieces]
        parts = [TextEmbedding(t[None], torch.ones(1, len(t), dtype=torch.bool)) for t in tokens]
        return TextEmbedding.cat(
            [part.padded(max(1, part.mask.shape[1])) for part in parts] or [text]
        )

    def is_cut(self, captions: Sequence[str]) -> list[bool]:
        """Say of each caption whether it has more tokens than all windows keep."""
        return self._encoder.is_cut([self._pieces(caption)[-1] for caption in captions])

    def spans(self, caption: str) -> list[tuple[int, int]]:
        """Say which characters of the cleaned caption each token stands for."""
        caption, start = clean(caption), 0
        found: list[tuple[int, int]] = []
        for piece in self._pieces(caption):
            start = caption.index(piece, start)
            found += [(start + first, start + last) for first, last in self._encoder.spans(piece)]
            start += len(piece)
        return found

    def _pieces(self, caption: str) -> list[str]:
        rest, pieces = clean(caption), list[str]()
        while len(pieces) < self._windows - 1 and self._encoder.is_cut([rest])[0]:
            end = _between_words(rest, max(last for _, last in self._kept(rest)))
            pieces.append(rest[:end].rstrip())
            rest = rest[end:].lstrip()
        return [*pieces, rest]

    def _kept(self, caption: str) -> list[tuple[int, int]]:
        """Return the spans of the tokens that stand for characters."""
        return [span for span in self._encoder.spans(caption) if span[0] < span[1]]


def _between_words(text: str, end: int) -> int:
    """Move a cut back to the last space before it, if there is one."""
    space = text.rfind(" ", 0, end + 1)
    return space if space > 0 else end
