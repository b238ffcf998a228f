"""A transformer of transformers' as a text encoder; what kind it is, its family says."""

import copy
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, Protocol

import torch
from pydantic import Field
from torch import Tensor

from minimagen.conditioning import TextEmbedding
from minimagen.errors import ConfigError
from minimagen.text.captions import clean
from minimagen.text.encoders.batching import Ids, in_fixed_shapes, stacked
from minimagen.text.encoders.files import (
    identity_of_files,
    load_model,
    load_tokenizer,
    quiet_transformers,
)
from minimagen.text.encoders.protocol import Spans
from minimagen.text.locate import BUNDLED, Source, is_hub_reachable, locate

Name = Annotated[str, Field(min_length=1)]  # a bundled one, a short name, a Hub name or a directory
Dtype = Literal["float32", "bfloat16"]
Run = Callable[[Any, Tensor, Tensor], TextEmbedding]  # model, ids (B, L), mask (B, L)
_log = logging.getLogger(__name__)


class PretrainedConfig(Protocol):
    """What all configurations of pretrained transformers have."""

    @property
    def kind(self) -> str:
        """The family."""

    @property
    def name(self) -> str:
        """A bundled one's, a short name, a Hub name or a directory."""

    @property
    def revision(self) -> str | None:
        """Of the Hub: a branch, tag or commit."""

    @property
    def max_tokens(self) -> int:
        """Longer captions are cut."""

    @property
    def dtype(self) -> str:
        """Of the weights."""


@dataclass(frozen=True)
class Family:
    """What transformers of one kind have in common.

    Args:
        models: for each ``model_type`` of a config.json, the class in transformers.
        tokenizer: the class in transformers that converts tokenizers of other forms.
        width_key: where config.json says the width.
        length_key: where it says how many tokens are the most; None when there is no such limit.
        run: the network call.
        added: how many tokens it appends to those of a caption.
        variant: what in a configuration besides name and dtype changes the embeddings.
    """

    models: Mapping[str, str]
    tokenizer: str
    width_key: str
    length_key: str | None
    run: Run
    added: int = 0
    variant: str = ""


class Transformer:
    """A configured transformer whose files were found; see :class:`Found`.

    Raises:
        ConfigError: when it is neither here nor to be fetched, or is of another family; says what
            to bring.
    """

    def __init__(self, config: PretrainedConfig, family: Family) -> None:
        self.config, self.family = config, family
        self.source = locate(config.name, config.revision)
        self._class_name = _class_of(self.source, family)

    @property
    def width(self) -> int:
        """Numbers per token, D."""
        return self._whole(self.family.width_key)

    @property
    def max_tokens(self) -> int:
        """Most tokens of a caption, by configuration and by the model's own limit."""
        asked, key = self.config.max_tokens, self.family.length_key
        return asked if key is None else min(asked, self._whole(key))

    @cached_property
    def identity(self) -> str:
        """Kind, weights, dtype, length, library: whatever changes the embeddings."""
        return identity_of_files(
            self.config.kind,
            self.source,
            f"{self.config.dtype} {self.max_tokens} tokens{self.family.variant}",
        )

    @property
    def about(self) -> str:
        """Name and limits; of the bundled one also what it is good for."""
        limits = f"{self.config.name}, {self.width} wide, at most {self.max_tokens} tokens"
        if self.config.name not in BUNDLED:
            return limits
        return f"{limits}; bundled and small: good for captions like those of the shapes data only"

    def load(self, device: torch.device | str = "cpu") -> "TransformerEncoder":
        """Bring its weights into memory, from this machine if they are there.

        Raises:
            ConfigError: when they are neither here nor to be fetched, or do not fit.
        """
        try:
            return self._load(device, local=True)
        except ConfigError:
            if self.source.revision is None or not is_hub_reachable():
                raise
        return self._load(device, local=False)

    def _load(self, device: torch.device | str, *, local: bool) -> "TransformerEncoder":
        with quiet_transformers():
            tokenizer = load_tokenizer(self.source, self.family.tokenizer, local=local)
            model = load_model(self.source, self._class_name, self.config.dtype, local=local)
        return TransformerEncoder(self, model.to(device).eval(), tokenizer)

    def _whole(self, key: str) -> int:
        """Read a whole number from config.json; a CLIP of text and pictures has it deeper down."""
        settings = self.source.settings
        number = settings.get("text_config", settings).get(key)
        if not isinstance(number, int) or number < 1:
            raise ConfigError(
                f"text encoder {self.source.name!r}: config.json has no {key}; bring its own"
            )
        return number


class TransformerEncoder:
    """A loaded transformer and its tokenizer; see :class:`TextEncoder`.

    Args:
        found: what it is.
        model: a network of transformers', in evaluation mode.
        tokenizer: a ``tokenizers.Tokenizer`` that adds what marks a text's end.
    """

    def __init__(self, found: Transformer, model: Any, tokenizer: Any) -> None:
        self.identity, self.width = found.identity, found.width
        self.model = model
        self._run, self._added = found.family.run, found.family.added
        self._max_tokens = found.max_tokens
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self._max_tokens)
        self._tokenizer.encode_special_tokens = True  # "</s>" in a caption is no end of sequence

    @torch.no_grad()
    def encode(self, captions: Sequence[str]) -> TextEmbedding:
        """Embed captions; tokens (B, L, D), mask (B, L), L that of the longest and at least 1.

        Raises:
            ConfigError: when an embedding is not finite.
        """
        ids = [encoding.ids for encoding in self._encodings(captions)]
        self._warn_of_unknown(captions, ids)
        text = self._embed(ids).to("cpu")
        if not text.tokens.isfinite().all():
            raise ConfigError(
                f"text encoder {self.identity}: embeddings are not finite; bring its weights anew"
            )
        return text

    def embed(self, captions: Sequence[str]) -> TextEmbedding:
        """Embed captions as :meth:`encode` does, where the model is, and with its gradient."""
        return self._embed([encoding.ids for encoding in self._encodings(captions)])

    def with_model(self, model: Any) -> "TransformerEncoder":
        """Return it with another network of the same shape, such as an average of this one."""
        other = copy.copy(self)
        other.model = model
        return other

    def is_cut(self, captions: Sequence[str]) -> list[bool]:
        """Say of each caption whether it has more tokens than are kept."""
        return [bool(encoding.overflowing) for encoding in self._encodings(captions)]

    def spans(self, caption: str) -> Spans:
        """Say of each token which characters of the cleaned caption it stands for."""
        text, [encoding] = clean(caption), self._encodings([caption])
        if not text:
            return []
        offsets = zip(encoding.offsets, encoding.special_tokens_mask, strict=True)
        places = [
            _place_of_special(row, text) if special else _trimmed(text, *at)
            for row, (at, special) in enumerate(offsets)
        ]
        return places + [(len(text), len(text))] * self._added

    def _embed(self, ids: Sequence[Ids]) -> TextEmbedding:
        return stacked(in_fixed_shapes(ids, self._max_tokens, self._call), self.width)

    def _encodings(self, captions: Sequence[str]) -> list[Any]:
        cleaned = [clean(caption) for caption in captions]
        encodings = self._tokenizer.encode_batch(cleaned)
        empty = self._tokenizer.encode("", add_special_tokens=False)
        return [
            encoding if caption else empty
            for caption, encoding in zip(cleaned, encodings, strict=True)
        ]

    def _call(self, ids: Tensor, mask: Tensor) -> TextEmbedding:
        device = self.model.device
        text = self._run(self.model, ids.to(device), mask.to(device))
        return TextEmbedding(text.tokens.float(), text.mask)

    def _warn_of_unknown(self, captions: Sequence[str], ids: Sequence[Ids]) -> None:
        unknown = self._tokenizer.token_to_id("<unk>")
        lost = [
            caption
            for caption, row in zip(captions, ids, strict=True)
            if row and unknown is not None and 2 * row.count(unknown) >= len(row) - 1
        ]
        if lost:
            _log.warning(
                "%d of %d captions are mostly unknown to the text encoder, the first is %r; "
                "use one that reads this language, such as google/mt5-small",
                len(lost),
                len(ids),
                lost[0][:60],
            )


def _place_of_special(row: int, text: str) -> tuple[int, int]:
    """Place what marks the begin of a text before it, and what marks its end behind it."""
    return (0, 0) if row == 0 else (len(text), len(text))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave out the white space at both ends of text[start:end]."""
    word = text[start:end].lstrip()
    start = end - len(word)
    return start, start + len(word.rstrip())


def _class_of(source: Source, family: Family) -> str:
    kind = str(source.settings.get("model_type"))
    if kind not in family.models:
        raise ConfigError(
            f"text encoder {source.name!r}: config.json says model_type {kind!r}; "
            f"allowed are {', '.join(family.models)}"
        )
    return family.models[kind]
