"""All the places where a model can be: a directory, the registry, the Hub, the package itself."""

from pathlib import Path

from minimagen.errors import CheckpointError, UsageError
from minimagen.release.hub import fetch
from minimagen.release.manifest import is_release, release_id
from minimagen.release.registry import WORD, Registry

BUNDLED = "bundled"
BUNDLED_PLACE = Path(__file__).parents[1] / BUNDLED
HUB = "hf:"


def find_model(word: str) -> Path:
    """Return the directory of what a command line names.

    Args:
        word: a directory; ``bundled``; NAME or NAME:TAG of the registry; ``hf:ORGANISATION/NAME``,
            with ``@COMMIT`` behind it where it is pinned.

    Raises:
        CheckpointError: when there is none; a path that is none is returned as it is, for whoever
            opens it to refuse.
        HubError: when the Hub does not answer.
    """
    path = Path(word)
    if path.is_dir():
        return path
    if word == BUNDLED:
        return _required_bundle()
    if word.startswith(HUB):
        name, _, revision = word.removeprefix(HUB).partition("@")
        return fetch(name, revision or None)
    name, _, tag = word.partition(":")
    registry = Registry.here()
    if all(WORD.fullmatch(part) for part in (name, tag or "tag")) and registry.names:
        if name not in registry.names:
            raise CheckpointError(
                f"{word}: no such directory, and no model of this name in {registry.root}, which "
                f"has {', '.join(registry.names)}"
            )
        return registry.find(word)
    return path


def find_pretrained(word: str, revision: str | None = None) -> Path:
    """Return the directory of what :meth:`minimagen.Imagen.from_pretrained` is given.

    Args:
        word: as :func:`find_model` takes it, or ORGANISATION/NAME of the Hub.
        revision: a commit, branch or tag of the Hub; of a directory, how its identity begins.

    Raises:
        UsageError: for two revisions.
        CheckpointError: when there is none, or it is another one.
    """
    if not Path(word).is_dir() and "/" in word:
        name, _, pinned = word.removeprefix(HUB).partition("@")
        if pinned and revision:
            raise UsageError(f"{word}: pinned to {revision} too; give one revision")
        return fetch(name, revision or pinned or None)
    path = find_model(word)
    if revision is not None:
        _require_revision(path, revision)
    return path


def bundled_model() -> Path | None:
    """Return the cascade that comes with the package; None when none does."""
    return BUNDLED_PLACE if is_release(BUNDLED_PLACE) else None


def _required_bundle() -> Path:
    found = bundled_model()
    if found is None:
        raise CheckpointError(f"{BUNDLED}: this package has no model in it; give a directory")
    return found


def _require_revision(path: Path, revision: str) -> None:
    found = release_id(path) if is_release(path) else ""
    if not revision or not found.startswith(revision):
        said = f"is {found}" if found else "has none, for it is no release"
        raise CheckpointError(f"{path}: revision {revision} is wanted, and this one {said}")
