"""One token a word, each with a fixed vector that also tells its neighbours: nothing is learnt.

For captions made of few words, such as "digit 7". The words are those of the training captions.
Permuted neighbours as in Sahlgren et al. 2008, "Permutations as a means to encode order in word
space": a network without layers of its own over text could not tell which colour is whose.
"""

import hashlib
import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Literal, Self

import torch
from pydantic import Field
from torch import Tensor

from minimagen.conditioning import TextEmbedding
from minimagen.config import config
from minimagen.errors import ConfigError
from minimagen.text.captions import clean
from minimagen.text.encoders.batching import stacked
from minimagen.text.encoders.keyed import vector_of
from minimagen.text.encoders.protocol import Spans

_WORD = re.compile(r"\w+|[^\w\s]")
_log = logging.getLogger(__name__)


@config
class WordsConfig:
    """Words, as they are spelt, in lower case.

    Args:
        vocabulary: the words that are known; null is those of the training captions, which a run
            writes into its own parameter files.
        max_words: most words of a vocabulary; the rarest are left out.
        max_tokens: most words of a caption.
        width: numbers per word.
        neighbours: how loud the words before and after are in a word's vector.
    """

    kind: Literal["words"] = "words"
    vocabulary: tuple[str, ...] | None = None
    max_words: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    max_tokens: Annotated[int, Field(ge=1, le=512)] = 64
    width: Annotated[int, Field(ge=8, le=4096)] = 128
    neighbours: Annotated[float, Field(ge=0, le=4)] = 0.5

    def learned(self, captions: Iterable[str]) -> Self:
        """Return it with the words of captions, the commonest first."""
        if self.vocabulary is not None:
            return self
        counts = Counter(word for caption in captions for word, _ in _words(caption))
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return replace(self, vocabulary=tuple(ranked[: self.max_words]))


class Words:
    """The encoder; see :class:`TextEncoder` and :class:`Found`.

    Args:
        config: a vocabulary included, where captions are to be embedded.
    """

    def __init__(self, config: WordsConfig) -> None:
        self.config = config
        self.width = config.width
        self._known = frozenset(config.vocabulary or ())

    @property
    def identity(self) -> str:
        """The vocabulary and the three numbers; equal words have equal vectors everywhere."""
        config = self.config
        words = json.dumps(sorted(self._known)).encode()
        return (
            f"words sha256:{hashlib.sha256(words).hexdigest()} {config.width} wide "
            f"{config.max_tokens} tokens neighbours {config.neighbours:g}"
        )

    @property
    def about(self) -> str:
        """How many words it knows."""
        known = "the words of" if self.config.vocabulary is None else f"{len(self._known)} words of"
        return (
            f"words, {known} the training captions, {self.width} wide, at most "
            f"{self.config.max_tokens} a caption"
        )

    def load(self, device: torch.device | str = "cpu") -> Self:
        """There are no weights.

        Raises:
            ConfigError: when there is no vocabulary yet.
        """
        if self.config.vocabulary is None:
            raise ConfigError(
                "text encoder words: its vocabulary is null; training fills it in, so load it from "
                "a training directory, or give the words"
            )
        return self

    def encode(self, captions: Sequence[str]) -> TextEmbedding:
        """Embed captions; words that are not known are left out, and said."""
        self._warn_of_unknown(captions)
        rows = [self._row([word for word, _ in self._kept(caption)]) for caption in captions]
        return stacked(rows, self.width)

    def is_cut(self, captions: Sequence[str]) -> list[bool]:
        """Say of each caption whether it has more known words than are kept."""
        return [len(self._of(caption)) > self.config.max_tokens for caption in captions]

    def spans(self, caption: str) -> Spans:
        """Say of each token which characters of the cleaned caption it stands for."""
        return [span for _, span in self._kept(caption)]

    def _kept(self, caption: str) -> list[tuple[str, tuple[int, int]]]:
        return self._of(caption)[: self.config.max_tokens]

    def _of(self, caption: str) -> list[tuple[str, tuple[int, int]]]:
        return [(word, span) for word, span in _words(caption) if word in self._known]

    def _row(self, words: Sequence[str]) -> Tensor:
        """Return one vector a word, (L, D), its mean square about 1 + 2 neighbours^2."""
        if not words:
            return torch.zeros(0, self.width)
        alone = torch.stack([vector_of(word, self.width) for word in words])
        edge = torch.zeros(1, self.width)
        before = torch.cat([edge, alone[:-1]]).roll(1, dims=1)
        after = torch.cat([alone[1:], edge]).roll(-1, dims=1)
        return alone + self.config.neighbours * (before + after)

    def _warn_of_unknown(self, captions: Sequence[str]) -> None:
        unknown = Counter(
            word for caption in captions for word, _ in _words(caption) if word not in self._known
        )
        if unknown:
            _log.warning(
                "%d words are not among the %d that the text encoder knows, and left out: %s",
                len(unknown),
                len(self._known),
                ", ".join(word for word, _ in unknown.most_common(8)),
            )


def _words(caption: str) -> list[tuple[str, tuple[int, int]]]:
    """Part a caption into words and signs, each with its place in the cleaned caption."""
    return [(found[0].lower(), found.span()) for found in _WORD.finditer(clean(caption))]
