"""What an encoder is: how it is asked before it is loaded, and what it does then."""

from collections.abc import Sequence
from typing import Protocol

import torch

from minimagen.conditioning import TextEmbedding

Spans = list[tuple[int, int]]


class TextEncoder(Protocol):
    """Anything that turns captions into token embeddings."""

    @property
    def width(self) -> int:
        """Numbers per token, D."""

    @property
    def identity(self) -> str:
        """Everything that changes the embeddings: equal identities give equal embeddings."""

    def encode(self, captions: Sequence[str]) -> TextEmbedding:
        """Embed captions, padded to the longest; on the CPU, float32, zero where padded."""

    def is_cut(self, captions: Sequence[str]) -> list[bool]:
        """Say of each caption whether it has more tokens than are kept."""

    def spans(self, caption: str) -> Spans:
        """Say of each token which characters of the cleaned caption it stands for.

        Every token that :meth:`encode` keeps has its span, [start, end), white space around it left
        out; one that stands for no character, such as the end of sequence, an empty one.
        """


class Found(Protocol):
    """A configured encoder whose files are there; asking it loads no weights."""

    @property
    def width(self) -> int:
        """Numbers per token, D."""

    @property
    def identity(self) -> str:
        """As :attr:`TextEncoder.identity` of what :meth:`load` returns."""

    @property
    def about(self) -> str:
        """What it is and what it is good for, in one line for a log."""

    def load(self, device: torch.device | str = "cpu") -> TextEncoder:
        """Bring its weights into memory."""
