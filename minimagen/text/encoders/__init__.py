"""Captions to token embeddings, by many kinds of encoders behind one door.

A kind is a configuration, and a function in :data:`ENCODERS` that finds what it names. Whatever
is found says its width and identity before any weights are loaded. Null text is not known here, but
an empty caption's mask is all False.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar, cast

import torch
from pydantic import Discriminator, Field, Tag

from minimagen.config import config
from minimagen.text.encoders.clip import ClipConfig, find_clip
from minimagen.text.encoders.ensemble import FoundEnsemble
from minimagen.text.encoders.labels import Labels, LabelsConfig
from minimagen.text.encoders.protocol import Found, Spans, TextEncoder
from minimagen.text.encoders.t5 import T5Config, find_t5
from minimagen.text.encoders.tuned import Tuned
from minimagen.text.encoders.words import Words, WordsConfig

__all__ = [
    "ENCODERS",
    "ClipConfig",
    "EnsembleConfig",
    "Found",
    "LabelsConfig",
    "Spans",
    "T5Config",
    "TextEncoder",
    "TextEncoderConfig",
    "TunedConfig",
    "WordsConfig",
    "called",
    "describe",
    "encoder_identity",
    "encoder_width",
    "find_encoder",
    "learned",
    "load_encoder",
]

C = TypeVar("C")


def _kind_of(value: Any) -> str | None:
    """Say which kind a value is; the first parameter files may name none."""
    return value.get("kind", "t5") if isinstance(value, dict) else getattr(value, "kind", None)


PretrainedConfig: TypeAlias = Annotated[
    Annotated[T5Config, Tag("t5")] | Annotated[ClipConfig, Tag("clip")], Discriminator(_kind_of)
]


@config
class TunedConfig:
    """An encoder that was fine-tuned with a base stage.

    Args:
        of: what it was before.
        weights: the file that its run wrote, ``state_dicts/text_encoder.safetensors``.
    """

    kind: Literal["tuned"] = "tuned"
    of: PretrainedConfig
    weights: Annotated[str, Field(min_length=1)]


AloneConfig: TypeAlias = Annotated[
    Annotated[T5Config, Tag("t5")]
    | Annotated[ClipConfig, Tag("clip")]
    | Annotated[WordsConfig, Tag("words")]
    | Annotated[LabelsConfig, Tag("labels")]
    | Annotated[TunedConfig, Tag("tuned")],
    Discriminator(_kind_of),
]


@config
class EnsembleConfig:
    """Several encoders whose tokens stand one after another, each in channels of its own.

    Args:
        parts: the encoders, none of them an ensemble.
    """

    kind: Literal["ensemble"] = "ensemble"
    parts: Annotated[tuple[AloneConfig, ...], Field(min_length=2, max_length=8)]

    def learned(self, captions: Iterable[str]) -> Self:
        """Return it with everything learned that its parts learn from captions."""
        captions = list(captions)
        return replace(self, parts=tuple(learned(part, captions) for part in self.parts))


TextEncoderConfig: TypeAlias = Annotated[
    Annotated[T5Config, Tag("t5")]
    | Annotated[ClipConfig, Tag("clip")]
    | Annotated[WordsConfig, Tag("words")]
    | Annotated[LabelsConfig, Tag("labels")]
    | Annotated[TunedConfig, Tag("tuned")]
    | Annotated[EnsembleConfig, Tag("ensemble")],
    Discriminator(_kind_of),
]


def _find_ensemble(config: EnsembleConfig) -> FoundEnsemble:
    return FoundEnsemble([find_encoder(part) for part in config.parts])


def _find_tuned(config: TunedConfig) -> Tuned:
    base = find_clip(config.of) if isinstance(config.of, ClipConfig) else find_t5(config.of)
    return Tuned(base, Path(config.weights).expanduser())


ENCODERS: dict[str, Callable[[Any], Found]] = {
    "t5": find_t5,
    "clip": find_clip,
    "words": Words,
    "labels": Labels,
    "tuned": _find_tuned,
    "ensemble": _find_ensemble,
}


def find_encoder(config: TextEncoderConfig) -> Found:
    """Find what a configuration names, without loading weights.

    Raises:
        ConfigError: when it is neither here nor to be fetched, or is of another kind; says what to
            bring.
    """
    return ENCODERS[config.kind](config)


def load_encoder(config: TextEncoderConfig, device: torch.device | str = "cpu") -> TextEncoder:
    """Load an encoder, from this machine if it is there.

    Raises:
        ConfigError: as :func:`find_encoder`; also when its weights do not fit.
    """
    return find_encoder(config).load(device)


def encoder_identity(config: TextEncoderConfig) -> str:
    """Return the identity of a configured encoder without loading its weights."""
    return find_encoder(config).identity


def encoder_width(config: TextEncoderConfig) -> int:
    """Return the numbers per token of a configured encoder without loading its weights."""
    return find_encoder(config).width


def describe(config: TextEncoderConfig) -> str:
    """Say in one line for a log what the encoder is and what it is good for."""
    return find_encoder(config).about


def called(config: TextEncoderConfig) -> str:
    """Return the shortest name that tells encoders apart: a model's own name, else the kind."""
    if isinstance(config, EnsembleConfig):
        return " + ".join(called(part) for part in config.parts)
    if isinstance(config, TunedConfig):
        return f"{called(config.of)}, tuned"
    return config.name if isinstance(config, T5Config | ClipConfig) else config.kind


def learned(config: C, captions: Iterable[str]) -> C:
    """Return a configuration with what its kind learns from a data set's captions filled in.

    Most learn nothing. What was filled in before stays.
    """
    learn = getattr(config, "learned", None)
    return config if learn is None else cast(C, learn(captions))
