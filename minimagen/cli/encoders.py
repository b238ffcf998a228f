"""What ``--T5_NAME`` says, as a part of the parameter files."""

from typing import Any

from minimagen.text.locate import BUNDLED, SHORT_NAMES, locate

Tree = dict[str, Any]
LEARNED = {"words": "vocabulary", "labels": "labels"}  # what kinds without a name learn


def encoder_tree(before: Any, name: str) -> Tree | None:
    """Return the text encoder that a name asks for; None is no text at all.

    Args:
        before: the one in the parameter files; its other settings stay where the kind does.
        name: none, words, labels, t5-tiny, a short name, a Hub name or a directory.

    Raises:
        ConfigError: for a name whose files are not to be found: they say what kind it is.
    """
    if name == "none":
        return None
    known: Tree = before if isinstance(before, dict) else {"kind": "t5"}
    if name in LEARNED:
        return known if known.get("kind") == name else {"kind": name}
    if known.get("name") == name:
        return known
    kind = _kind_of(name)
    same = known.get("kind", "t5") == kind
    return {**known, "name": name} if same else {"kind": kind, "name": name}


def leave_learned(asked: Any, stored: Any) -> None:
    """Ask for what a run has learned from its captions, where it is left open."""
    if not isinstance(asked, dict) or not isinstance(stored, dict):
        return
    key = LEARNED.get(asked.get("kind", "t5"))
    if key is not None and asked.get(key) is None and key in stored:
        asked[key] = stored[key]
    for part, before in zip(asked.get("parts", ()), stored.get("parts", ()), strict=False):
        leave_learned(part, before)


def _kind_of(name: str) -> str:
    """Say which kind a model is; where its files must say that, they are looked at."""
    if name in BUNDLED or name in SHORT_NAMES:
        return "t5"
    model_type = str(locate(name, None).settings.get("model_type"))
    return "clip" if model_type.startswith("clip") else "t5"
