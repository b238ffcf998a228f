"""The Hugging Face Hub, through its own package: releases brought from there and put there.

Nothing is asked of the network that lies in the Hub's cache on this machine under the commit that
is wanted. ``HF_HUB_OFFLINE``, ``HF_HOME``, ``HF_ENDPOINT`` and ``HF_TOKEN`` mean what they mean to
every program that uses the Hub.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minimagen.errors import CheckpointError, MinimagenError, UsageError
from minimagen.release.manifest import FILE, READ, Release, is_release, verify
from minimagen.text.locate import is_hub_reachable

NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}")
LIBRARY = "minimagen"
PARTS = [FILE, *(f"{part}/*" for part in READ)]  # what loading reads
TAGS = ["text-to-image", "diffusion", "cascade", "pixel-space", LIBRARY]


class HubError(MinimagenError):
    """The Hub does not answer, or not as it should."""


def fetch(name: str, revision: str | None = None) -> Path:
    """Bring a release from the Hub, or from its cache here, and return where it lies.

    Args:
        name: ORGANISATION/NAME.
        revision: a commit, which pins the bytes, or a branch or tag; None is the main branch.

    Returns:
        A directory whose name is the commit.

    Raises:
        UsageError: for a name that can be none.
        CheckpointError: when the Hub has no such release.
        HubError: when it does not answer and the cache lacks something.
    """
    _require_name(name)
    pinned = revision is not None and COMMIT.fullmatch(revision) is not None
    directory = _cached(name, revision) if pinned else None
    if directory is None and is_hub_reachable():
        directory = _brought(name, revision)
    elif directory is None:
        directory = _cached(name, revision)
    if directory is None:
        raise HubError(
            f"{name}{_at(revision)}: not in the Hub's cache on this machine, and the Hub does not "
            f"answer (no network, or HF_HUB_OFFLINE); run `hf download {name}` where there is one "
            "and bring its cache (HF_HOME), or give a directory"
        )
    if not is_release(directory):
        raise CheckpointError(
            f"{name}{_at(revision)}: no released cascade, it has no {FILE}; name one that "
            "python -m minimagen release made"
        )
    return directory


def push(directory: Path, name: str, *, private: bool = False) -> str:
    """Put a release on the Hub, in place of what is there, as one commit.

    Args:
        directory: a release that verifies.
        name: ORGANISATION/NAME; made when missing.
        private: whether a new one is seen by its owner alone.

    Returns:
        The commit.

    Raises:
        UsageError: for a name that can be none.
        CheckpointError: when the release does not verify.
        HubError: when the Hub does not answer, or refuses.
    """
    _require_name(name)
    release = verify(directory)
    from huggingface_hub import HfApi

    api = HfApi(library_name=LIBRARY)
    with _explained(name, None):
        api.create_repo(name, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=name,
            folder_path=directory,
            commit_message=f"{release.about.name}, {release.dtype}",
            allow_patterns=[*PARTS, "README.md", "*.png"],
            delete_patterns=PARTS,
        )
    return str(commit.oid)


def card_header(release: Release) -> str:
    """Return the YAML header of a model card, between its lines of dashes."""
    from huggingface_hub import EvalResult, ModelCardData

    about = release.about
    results = [
        EvalResult(
            task_type="text-to-image",
            dataset_type="minimagen-shapes",
            dataset_name=f"held-out captions, {found.what}",
            dataset_config=found.what,  # results of one dataset and configuration are joined
            metric_type="accuracy",
            metric_name="caption accuracy",
            metric_value=round(found.share, 4),
        )
        for found in about.measured
    ]
    data = ModelCardData(
        language="en",
        license=about.licence,
        library_name=LIBRARY,
        pipeline_tag="text-to-image" if release.text_encoder else "unconditional-image-generation",
        tags=TAGS,
        model_name=about.name,
        eval_results=results or None,
    )
    return f"---\n{data.to_yaml()}\n---"


def _cached(name: str, revision: str | None) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        found = snapshot_download(
            name, revision=revision, local_files_only=True, allow_patterns=PARTS
        )
    except LocalEntryNotFoundError:
        return None
    return Path(found) if is_release(Path(found)) else None  # else it was never brought whole


def _brought(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    with _explained(name, revision):
        found = snapshot_download(
            name, revision=revision, library_name=LIBRARY, allow_patterns=PARTS
        )
    return Path(found)


def _require_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(f"{name}: no such directory, and no ORGANISATION/NAME of the Hub")


def _at(revision: str | None) -> str:
    return "" if revision is None else f"@{revision}"


@contextmanager
def _explained(name: str, revision: str | None) -> Iterator[None]:
    """Turn what the Hub's package raises into one line."""
    from huggingface_hub.errors import HTTPError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        yield
    except RevisionNotFoundError:
        raise CheckpointError(f"{name}{_at(revision)}: the Hub knows no such revision") from None
    except RepositoryNotFoundError:
        raise CheckpointError(
            f"{name}: the Hub has no such model, or not for you; check the name, or `hf auth login`"
        ) from None
    except (HTTPError, OSError, ValueError) as error:
        gist = next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
        raise HubError(f"{name}{_at(revision)}: the Hub does not do it ({gist})") from None
