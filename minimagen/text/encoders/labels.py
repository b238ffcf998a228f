"""One token a caption: the caption is the name of a class, and no other text is understood."""

import difflib
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Literal, Self

import torch
from pydantic import Field
from torch import Tensor

from minimagen.conditioning import TextEmbedding
from minimagen.config import config
from minimagen.errors import ConfigError, UsageError
from minimagen.text.captions import clean
from minimagen.text.encoders.batching import stacked
from minimagen.text.encoders.keyed import vector_of
from minimagen.text.encoders.protocol import Spans

MOST = 10_000  # different labels
SHOWN = 8  # in an error


@config
class LabelsConfig:
    """Class-conditional: every distinct caption is a class.

    Args:
        labels: the classes; null is the captions of the data set, which a run writes into its own
            parameter files.
        width: numbers of the one token.
    """

    kind: Literal["labels"] = "labels"
    labels: tuple[str, ...] | None = None
    width: Annotated[int, Field(ge=8, le=4096)] = 128

    def learned(self, captions: Iterable[str]) -> Self:
        """Return it with the distinct captions of a data set.

        Raises:
            ConfigError: when there are too many to be classes.
        """
        if self.labels is not None:
            return self
        found = sorted({clean(caption) for caption in captions} - {""})
        if len(found) > MOST:
            raise ConfigError(
                f"text encoder labels: {len(found)} different captions, at most {MOST} classes; "
                "these are texts, so choose t5 or words"
            )
        return replace(self, labels=tuple(found))


class Labels:
    """The encoder; see :class:`TextEncoder` and :class:`Found`.

    Args:
        config: labels included, where captions are to be embedded.
    """

    def __init__(self, config: LabelsConfig) -> None:
        self.config = config
        self.width = config.width
        self._known = frozenset(map(clean, config.labels or ()))

    @property
    def identity(self) -> str:
        """Labels and width; equal labels have equal vectors everywhere."""
        labels = json.dumps(sorted(self._known)).encode()
        return f"labels sha256:{hashlib.sha256(labels).hexdigest()} {self.width} wide"

    @property
    def about(self) -> str:
        """How many classes it knows."""
        count = "the captions" if self.config.labels is None else f"{len(self._known)} captions"
        return f"labels, {count} of the data set as classes, {self.width} wide"

    def load(self, device: torch.device | str = "cpu") -> Self:
        """There are no weights.

        Raises:
            ConfigError: when there are no labels yet.
        """
        if self.config.labels is None:
            raise ConfigError(
                "text encoder labels: its labels are null; training fills them in, so load it from "
                "a training directory, or give the labels"
            )
        return self

    def encode(self, captions: Sequence[str]) -> TextEmbedding:
        """Embed labels; the empty caption is null text.

        Raises:
            UsageError: for a caption that is no label, naming the nearest.
        """
        return stacked([self._row(clean(caption)) for caption in captions], self.width)

    def is_cut(self, captions: Sequence[str]) -> list[bool]:
        """No label is ever cut."""
        return [False] * len(captions)

    def spans(self, caption: str) -> Spans:
        """The one token stands for the whole caption."""
        length = len(clean(caption))
        return [(0, length)] if length else []

    def _row(self, label: str) -> Tensor:
        if not label:
            return torch.zeros(0, self.width)
        if label not in self._known:
            raise UsageError(
                f"caption {label[:60]!r}: no label of this cascade; {self._hint(label)}"
            )
        return vector_of(label, self.width)[None]

    def _hint(self, label: str) -> str:
        known = sorted(self._known)
        near = difflib.get_close_matches(label[:200], known, n=1, cutoff=0.5)
        if near:
            return f"did you mean {near[0]!r}?"
        more = ", ..." if len(known) > SHOWN else ""
        return f"choose one of {', '.join(map(repr, known[:SHOWN]))}{more}"
