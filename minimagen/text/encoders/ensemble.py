"""Several encoders side by side: their tokens one after another, each in channels of its own.

    token i of encoder k  ->  (0, ..., 0, token, 0, ..., 0),  D = D_1 + D_2 + ...

So the one linear layer with which a network reads text is a learned projection for each encoder,
and no network changes. No norm comes before it: a network normalises each token by itself, and the
scale of a token falls out there, whatever its encoder and however many zeros stand beside it.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from minimagen.conditioning import TextEmbedding
from minimagen.text.encoders.batching import stacked
from minimagen.text.encoders.protocol import Found, Spans, TextEncoder


class FoundEnsemble:
    """Encoders that were all found; see :class:`Found`."""

    def __init__(self, parts: Sequence[Found]) -> None:
        self._parts = parts

    @property
    def width(self) -> int:
        """The sum of the widths."""
        return sum(part.width for part in self._parts)

    @property
    def identity(self) -> str:
        """All identities, in order."""
        return f"ensemble ({'; '.join(part.identity for part in self._parts)})"

    @property
    def about(self) -> str:
        """What each of them is."""
        return "; and ".join(part.about for part in self._parts)

    def load(self, device: torch.device | str = "cpu") -> "Ensemble":
        """Load all of them."""
        return Ensemble([part.load(device) for part in self._parts], self.identity)


class Ensemble:
    """Loaded encoders side by side; see :class:`TextEncoder`."""

    def __init__(self, parts: Sequence[TextEncoder], identity: str) -> None:
        self.identity = identity
        self.width = sum(part.width for part in parts)
        self._parts = parts

    def encode(self, captions: Sequence[str]) -> TextEmbedding:
        """Embed captions; tokens (B, L_1 + L_2 + ..., D_1 + D_2 + ...)."""
        texts = [part.encode(captions) for part in self._parts]
        rows = [
            torch.cat([self._placed(k, _unpadded(text, row)) for k, text in enumerate(texts)])
            for row in range(len(captions))
        ]
        return stacked(rows, self.width)

    def is_cut(self, captions: Sequence[str]) -> list[bool]:
        """Say of each caption whether any encoder cuts it."""
        return [any(cut) for cut in zip(*(p.is_cut(captions) for p in self._parts), strict=True)]

    def spans(self, caption: str) -> Spans:
        """Say of each token which characters of the cleaned caption it stands for."""
        return [span for part in self._parts for span in part.spans(caption)]

    def _placed(self, part: int, tokens: Tensor) -> Tensor:
        """Put an encoder's tokens (L, D_k) into its own channels; (L, D)."""
        before = sum(other.width for other in self._parts[:part])
        return F.pad(tokens, (before, self.width - before - tokens.shape[1]))


def _unpadded(text: TextEmbedding, row: int) -> Tensor:
    return text.tokens[row][text.mask[row]]
