"""Captions to token embeddings through a frozen text encoder: T5, mT5 or umT5.

An embedding depends on its caption alone, to the last bit on a CPU: every network call has one of
few fixed shapes, whatever the other captions are. So a cache that holds some of the captions
already changes nothing. Null text is not known here, but an empty caption's mask is all False.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from pickle import UnpicklingError
from typing import Annotated, Any, Literal, Protocol, TypeAlias

import torch
from pydantic import Field
from torch import Tensor

from minimagen.conditioning import TextEmbedding
from minimagen.config import config
from minimagen.errors import ConfigError
from minimagen.text.captions import clean
from minimagen.text.locate import (
    BUNDLED,
    WANTED,
    Source,
    absent,
    hub_file,
    is_hub_reachable,
    locate,
)

ROWS = 16  # captions in one network call, always
LENGTH_STEP = 8  # calls are padded to a multiple of this many tokens
ATTENTION = "eager"  # every supported version of transformers has it
_ENCODERS = {"t5": "T5EncoderModel", "mt5": "MT5EncoderModel", "umt5": "UMT5EncoderModel"}
_FILES = (
    "config.json",
    "tokenizer*.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "*.model",
)
_WEIGHTS = ("*.safetensors", "*.bin", "*.safetensors.index.json", "*.bin.index.json")
_log = logging.getLogger(__name__)


@config
class T5Config:
    """A T5, mT5 or umT5 encoder.

    float16 is not offered: T5 overflows in it.
    """

    kind: Literal["t5"] = "t5"
    name: Annotated[str, Field(min_length=1)] = (
        BUNDLED  # also a short name, a Hub name, a directory
    )
    revision: str | None = None  # of the Hub: a branch, tag or commit
    max_tokens: Annotated[int, Field(ge=2, le=512)] = 64  # the end of sequence included
    dtype: Literal["float32", "bfloat16"] = "float32"  # of the weights; embeddings are float32


TextEncoderConfig: TypeAlias = T5Config


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

    def spans(self, caption: str) -> list[tuple[int, int]]:
        """Say which characters each token stands for: [start, end) in the cleaned caption.

        A token that :meth:`encode` keeps has its span, white space around it left out; one that
        stands for no character, such as the end of sequence, has an empty span at its place.
        """


def load_encoder(config: TextEncoderConfig, device: torch.device | str = "cpu") -> TextEncoder:
    """Load an encoder, from this machine if it is there.

    Raises:
        ConfigError: when it is neither here nor to be fetched, or is not a T5; says what to bring.
    """
    source = locate(config.name, config.revision)
    try:
        return _load(config, source, device, local=True)
    except ConfigError:
        if source.revision is None or not is_hub_reachable():
            raise
    return _load(config, source, device, local=False)


def encoder_identity(config: TextEncoderConfig) -> str:
    """Return the identity of a configured encoder without loading its weights."""
    return _identity(config, locate(config.name, config.revision))


def encoder_width(config: TextEncoderConfig) -> int:
    """Return the numbers per token of a configured encoder without loading its weights."""
    return _width(locate(config.name, config.revision))


def describe(config: TextEncoderConfig) -> str:
    """Say in one line for a log what the encoder is and what it is good for."""
    limits = f"{config.name}, {encoder_width(config)} wide, at most {config.max_tokens} tokens"
    if config.name != BUNDLED:
        return limits
    return f"{limits}; bundled and small: good for captions like those of the shapes data only"


class T5Encoder:
    """A loaded T5 encoder and its tokenizer; see :class:`TextEncoder`.

    Args:
        model: a transformers T5 encoder, in evaluation mode.
        tokenizer: a ``tokenizers.Tokenizer`` that ends a text with its end of sequence.
        max_tokens: longer captions are cut; their end of sequence stays.
        identity: see :class:`TextEncoder`.
    """

    def __init__(self, model: Any, tokenizer: Any, max_tokens: int, identity: str) -> None:
        self.identity = identity
        self.width: int = model.config.d_model
        self._model = model
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.encode_special_tokens = True  # "</s>" in a caption is no end of sequence
        self._max_tokens = max_tokens

    def encode(self, captions: Sequence[str]) -> TextEmbedding:
        """Embed captions; tokens (B, L, D), mask (B, L), L that of the longest and at least 1."""
        ids = [encoding.ids for encoding in self._encodings(captions)]
        self._warn_of_unknown(captions, ids)
        lengths = torch.tensor([len(row) for row in ids], dtype=torch.int64)
        longest = max(1, *lengths.tolist()) if ids else 1
        tokens = torch.zeros(len(ids), longest, self.width)
        for places in _calls(lengths):
            for place, embedded in zip(places, self._call([ids[i] for i in places]), strict=False):
                tokens[place, : lengths[place]] = embedded[: lengths[place]]
        return TextEmbedding(tokens, torch.arange(longest) < lengths[:, None])

    def is_cut(self, captions: Sequence[str]) -> list[bool]:
        """Say of each caption whether it has more tokens than are kept."""
        return [bool(encoding.overflowing) for encoding in self._encodings(captions)]

    def spans(self, caption: str) -> list[tuple[int, int]]:
        """Say which characters of the cleaned caption each token stands for."""
        text, encoding = clean(caption), self._encodings([caption])[0]
        offsets = zip(encoding.offsets, encoding.special_tokens_mask, strict=True)
        return [(len(text),) * 2 if special else _trim(text, *at) for at, special in offsets]

    def _encodings(self, captions: Sequence[str]) -> list[Any]:
        cleaned = [clean(caption) for caption in captions]
        encodings = self._tokenizer.encode_batch(cleaned)
        empty = self._tokenizer.encode("", add_special_tokens=False)
        return [
            encoding if caption else empty
            for caption, encoding in zip(cleaned, encodings, strict=True)
        ]

    @torch.no_grad()
    def _call(self, ids: list[list[int]]) -> Tensor:
        """Run the network on at most ROWS captions of one padded length; (ROWS, L, D)."""
        length = min(_round_up(max(map(len, ids))), self._max_tokens)
        inputs = torch.zeros(ROWS, length, dtype=torch.int64)
        mask = torch.zeros(ROWS, length, dtype=torch.int64)
        for row, own in enumerate(ids):
            inputs[row, : len(own)] = torch.tensor(own)
            mask[row, : len(own)] = 1
        device = self._model.device
        output = self._model(input_ids=inputs.to(device), attention_mask=mask.to(device))
        tokens: Tensor = output.last_hidden_state.float().cpu()
        if not tokens[mask.bool()].isfinite().all():
            raise ConfigError(
                f"text encoder {self.identity}: embeddings are not finite; bring its weights anew"
            )
        return tokens

    def _warn_of_unknown(self, captions: Sequence[str], ids: list[list[int]]) -> None:
        unknown = self._tokenizer.token_to_id("<unk>")
        lost = [
            caption
            for caption, row in zip(captions, ids, strict=True)
            if row and 2 * row.count(unknown) >= len(row) - 1
        ]
        if lost:
            _log.warning(
                "%d of %d captions are mostly unknown to the text encoder, the first is %r; "
                "use one that reads this language, such as google/mt5-small",
                len(lost),
                len(ids),
                lost[0][:60],
            )


def _calls(lengths: Tensor) -> Iterator[list[int]]:
    """Group captions of one padded length, ROWS at a time."""
    groups: dict[int, list[int]] = {}
    for place, length in enumerate(lengths.tolist()):
        if length:
            groups.setdefault(_round_up(length), []).append(place)
    for places in groups.values():
        for start in range(0, len(places), ROWS):
            yield places[start : start + ROWS]


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave out the white space at both ends of text[start:end]."""
    word = text[start:end].lstrip()
    start = end - len(word)
    return start, start + len(word.rstrip())


def _round_up(length: int) -> int:
    return -(-length // LENGTH_STEP) * LENGTH_STEP


def _load(
    config: TextEncoderConfig, source: Source, device: torch.device | str, *, local: bool
) -> T5Encoder:
    kind = _model_type(source)
    identity = _identity(config, source)
    with _quiet_transformers():
        tokenizer = _loaded(source, lambda: _load_tokenizer(source, local=local))
        model = _loaded(source, lambda: _load_model(source, kind, config.dtype, local=local))
    return T5Encoder(model.to(device).eval(), tokenizer, config.max_tokens, identity)


def _loaded(source: Source, load: Callable[[], Any]) -> Any:
    """Run one of transformers' loaders, and turn what it says into one line."""
    from safetensors import SafetensorError

    try:
        return load()
    except UnpicklingError:
        raise ConfigError(
            f"text encoder {source.name!r}: its weights are a pickle of more than tensors, which "
            "could run anything; bring model.safetensors"
        ) from None
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        if source.revision is not None:
            raise absent(source.name, "not complete in the Hugging Face cache") from None
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"text encoder {source.name!r}: cannot be loaded ({reason}); "
            f"the directory must hold {WANTED}"
        ) from None


def _load_tokenizer(source: Source, *, local: bool) -> Any:
    """Read tokenizer.json as it is; without one, convert spiece.model.

    transformers' own T5 class rebuilds the tokenizer and switches byte fallback off.
    """
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    file = hub_file(source.name, "tokenizer.json", source.revision, local=local)
    if file is not None:
        return Tokenizer.from_file(str(file))
    return AutoTokenizer.from_pretrained(
        source.name, revision=source.revision, local_files_only=local
    ).backend_tokenizer


def _load_model(source: Source, kind: str, dtype: str, *, local: bool) -> Any:
    import transformers

    model, report = getattr(transformers, _ENCODERS[kind]).from_pretrained(
        source.name,
        revision=source.revision,
        local_files_only=local,
        dtype=getattr(torch, dtype),
        attn_implementation=ATTENTION,
        output_loading_info=True,
    )
    if report["missing_keys"]:
        raise ValueError(f"its weights lack {sorted(report['missing_keys'])[0]}")
    return model


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Keep bars and the list of unused decoder weights from the terminal."""
    from transformers.utils import logging as chatter

    level, bars = chatter.get_verbosity(), chatter.is_progress_bar_enabled()
    chatter.set_verbosity_error()
    chatter.disable_progress_bar()
    try:
        yield
    finally:
        chatter.set_verbosity(level)
        if bars:
            chatter.enable_progress_bar()


def _model_type(source: Source) -> str:
    kind = source.settings.get("model_type")
    if kind not in _ENCODERS:
        raise ConfigError(
            f"text encoder {source.name!r}: config.json says model_type {kind!r}; "
            f"allowed are {', '.join(_ENCODERS)}"
        )
    return str(kind)


def _width(source: Source) -> int:
    _model_type(source)
    width = source.settings.get("d_model")
    if not isinstance(width, int) or width < 1:
        raise ConfigError(
            f"text encoder {source.name!r}: config.json has no d_model; bring its own"
        )
    return width


def _identity(config: TextEncoderConfig, source: Source) -> str:
    weights = (
        f"sha256:{_fingerprint(Path(source.name))}"
        if source.revision is None
        else f"{source.name}@{source.revision}"
    )
    library = f"transformers {version('transformers')}"
    return f"t5 {weights} {config.dtype} {config.max_tokens} tokens {library} {ATTENTION}"


def _fingerprint(directory: Path) -> str:
    """Hash the files of a directory that its embeddings depend on."""
    paths = {path for pattern in _FILES + _WEIGHTS for path in directory.glob(pattern)}
    digest = hashlib.sha256()
    for path in sorted(paths):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
