"""From an encoder's files to a tokenizer and a network, and to what identifies them."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeVar

import torch

from minimagen.errors import ConfigError
from minimagen.text.locate import WANTED, Source, absent, hub_file

T = TypeVar("T")
ATTENTION = "eager"  # every supported version of transformers has it
_FILES = (
    "config.json",
    "tokenizer*.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "*.model",
)
_SPLIT_TOKENIZER = ("vocab.json", "merges.txt")  # of CLIP, where there is no tokenizer.json
_WEIGHTS = ("*.safetensors", "*.bin", "*.safetensors.index.json", "*.bin.index.json")


def load_tokenizer(source: Source, class_name: str, *, local: bool) -> Any:
    """Read tokenizer.json as it is; without one, convert what there is.

    transformers' own T5 class rebuilds the tokenizer and switches byte fallback off.

    Args:
        source: where from.
        class_name: of transformers, which converts other files.
        local: ask this machine only, not the network.

    Raises:
        ConfigError: when it cannot be read.
    """

    def load() -> Any:
        import transformers
        from tokenizers import Tokenizer

        file = hub_file(source.name, "tokenizer.json", source.revision, local=local)
        if file is not None:
            return Tokenizer.from_file(str(file))
        return (
            getattr(transformers, class_name)
            .from_pretrained(source.name, revision=source.revision, local_files_only=local)
            .backend_tokenizer
        )

    return _explained(source, load)


def load_model(source: Source, class_name: str, dtype: str, *, local: bool) -> Any:
    """Read a network.

    Args:
        source: where from.
        class_name: of transformers.
        dtype: of its weights.
        local: ask this machine only, not the network.

    Raises:
        ConfigError: when it cannot be read or lacks weights.
    """

    def load() -> Any:
        import transformers

        model, report = getattr(transformers, class_name).from_pretrained(
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

    return _explained(source, load)


def identity_of_files(kind: str, source: Source, settings: str) -> str:
    """Return all that the embeddings of some files depend on, in one line."""
    weights = (
        f"sha256:{_fingerprint(Path(source.name))}"
        if source.revision is None
        else f"{source.name}@{source.revision}"
    )
    return f"{kind} {weights} {settings} transformers {version('transformers')} {ATTENTION}"


@contextmanager
def quiet_transformers() -> Iterator[None]:
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


def _explained(source: Source, load: Callable[[], T]) -> T:
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


def _fingerprint(directory: Path) -> str:
    """Hash the files of a directory that its embeddings depend on."""
    is_split = not (directory / "tokenizer.json").exists()
    patterns = [*_FILES, *_WEIGHTS, *(_SPLIT_TOKENIZER if is_split else ())]
    paths = {path for pattern in patterns for path in directory.glob(pattern)}
    digest = hashlib.sha256()
    for path in sorted(paths):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
