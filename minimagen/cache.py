"""Where things are kept that can be had again: embeddings, downloads, indices."""

import os
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
