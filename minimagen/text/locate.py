"""Where an encoder's files lie: inside the package, in a directory, or in the Hugging Face cache.

What is on this machine comes first; the network is asked only for what is not, and only if it
answers within about a second.
"""

import json
import os
import re
import socket
import threading
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from minimagen.errors import ConfigError

T5_TINY = "t5-tiny"
BUNDLED = {T5_TINY: "t5_tiny", "t5-scenes": "t5_scenes"}  # names, and directories beside this file
SHORT_NAMES = {
    "t5_small": "google-t5/t5-small",
    "t5_base": "google-t5/t5-base",
    "t5_large": "google-t5/t5-large",
    "t5_3b": "google-t5/t5-3b",
    "t5_11b": "google-t5/t5-11b",
    "small1.1": "google/t5-v1_1-small",
    "base1.1": "google/t5-v1_1-base",
    "large1.1": "google/t5-v1_1-large",
    "xl1.1": "google/t5-v1_1-xl",
    "xxl1.1": "google/t5-v1_1-xxl",
}
WANTED = "config.json, model.safetensors and tokenizer.json or spiece.model"
_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
_PATIENCE_SECONDS = 1.2


@dataclass(frozen=True)
class Source:
    """An encoder that was found.

    Args:
        name: a directory or a Hub name, as transformers takes it.
        revision: the commit on the Hub; None for a directory.
        settings: its config.json.
    """

    name: str
    revision: str | None
    settings: dict[str, Any]


def locate(name: str, revision: str | None) -> Source:
    """Find an encoder's files.

    Args:
        name: a bundled one's, a short name, a directory or a Hub name.
        revision: a branch, tag or commit of the Hub.

    Raises:
        ConfigError: when it is neither here nor to be fetched; says which files to bring.
    """
    directory = bundled_directory(name) if name in BUNDLED else Path(name).expanduser()
    if name not in SHORT_NAMES and directory.is_dir():
        return _in_directory(directory, revision)
    hub_name = SHORT_NAMES.get(name, name)
    if not _HUB_NAME.fullmatch(hub_name):
        raise ConfigError(
            f"text encoder {name!r}: no such directory; give {', '.join(BUNDLED)}, "
            f"one of {', '.join(SHORT_NAMES)}, a Hugging Face Hub name, "
            f"or a directory that holds {WANTED}"
        )
    return _in_hub_cache(hub_name, revision) or _on_hub(hub_name, revision)


def bundled_directory(name: str = T5_TINY) -> Path:
    """Return where a bundled encoder lies inside the package."""
    return Path(__file__).with_name(BUNDLED[name])


def hub_file(name: str, file: str, revision: str | None, *, local: bool) -> Path | None:
    """Return where one file of an encoder lies; None if there is none.

    Args:
        name: a directory or a Hub name.
        file: its name there.
        revision: of the Hub.
        local: ask this machine only, not the network.
    """
    from transformers.utils.hub import cached_file

    try:
        path = cached_file(name, file, revision=revision, local_files_only=local)
    except (OSError, ValueError):  # absent, or the Hub refuses: the caller says what to do
        return None
    return None if path is None else Path(path)


def absent(name: str, why: str) -> ConfigError:
    """Say that an encoder is not on this machine, and how to bring it."""
    return ConfigError(
        f"text encoder {name!r}: not on this machine and {why}; on a machine with network run "
        f"`hf download {name}` and bring its Hugging Face cache (HF_HOME), or bring {WANTED} "
        "and give their directory, or use t5-tiny, which needs no network"
    )


def is_hub_reachable() -> bool:
    """Knock at the Hub, or at the proxy before it; in a thread, for name servers may hang."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    answers: list[bool] = []
    knocking = threading.Thread(target=lambda: answers.append(_knock()), daemon=True)
    knocking.start()
    knocking.join(_PATIENCE_SECONDS)
    return any(answers)


def _knock() -> bool:
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    scheme = urlsplit(endpoint).scheme
    proxy = urllib.request.getproxies().get(scheme)
    target = urlsplit(
        proxy if proxy and "://" in proxy else f"http://{proxy}" if proxy else endpoint
    )
    port = target.port or (443 if target.scheme == "https" else 80)
    try:
        socket.create_connection((target.hostname or "", port), timeout=_PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True


def _in_directory(directory: Path, revision: str | None) -> Source:
    if revision is not None:
        raise ConfigError(
            f"text encoder {str(directory)!r}: revision {revision!r} is for Hugging Face Hub "
            "names; leave it out for a directory"
        )
    return Source(str(directory), None, _read_settings(directory / "config.json", str(directory)))


def _in_hub_cache(name: str, revision: str | None) -> Source | None:
    path = hub_file(name, "config.json", revision, local=True)
    return None if path is None else Source(name, path.parent.name, _read_settings(path, name))


def _on_hub(name: str, revision: str | None) -> Source:
    if not is_hub_reachable():
        raise absent(name, "the Hugging Face Hub does not answer (no network, or HF_HUB_OFFLINE)")
    path = hub_file(name, "config.json", revision, local=False)
    if path is None:
        raise absent(name, f"the Hugging Face Hub has no such model{_at(revision)}, or not for you")
    return Source(name, path.parent.name, _read_settings(path, name))


def _at(revision: str | None) -> str:
    return "" if revision is None else f" at revision {revision!r}"


def _read_settings(path: Path, name: str) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
        raise ConfigError(
            f"text encoder {name!r}: config.json {reason}; the directory must hold {WANTED}"
        ) from None
    if not isinstance(settings, dict):
        raise ConfigError(
            f"text encoder {name!r}: config.json is not a JSON object; bring the model's own"
        )
    return settings
