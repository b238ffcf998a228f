"""Where things are kept that can be had again: embeddings, downloads, indices."""

import os
import secrets
import sys
from pathlib import Path


def cache_directory() -> Path:
    """Return ``$MINIMAGEN_CACHE``, else the place this system has for caches.

    Raises:
        RuntimeError: when the user has no home directory.
    """
    chosen = os.environ.get("MINIMAGEN_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "minimagen"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/minimagen"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minimagen"


def write_beside(path: Path, content: bytes) -> None:
    """Write a file beside its place, then rename it: it is there whole or not at all.

    Nothing is flushed to the disk: what is lost with the power can be had again.
    """
    beside = path.with_name(f"{os.getpid()}.{secrets.token_hex(8)}.tmp")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
