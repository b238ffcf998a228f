"""What a long benchmark has measured so far: a JSON line each, so that it may be interrupted."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class Ledger:
    """Measurements kept in a file by what they are of.

    Args:
        path: a JSON-lines file; it need not exist. A line that a kill cut short is measured again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            path.write_text(whole, encoding="utf-8")
        lines = map(json.loads, whole.splitlines())
        self._found = {_key(line["of"]): line["found"] for line in lines}

    def knows(self, of: Mapping[str, Any]) -> bool:
        """Whether something is in the file."""
        return _key(of) in self._found

    def measured(self, of: Mapping[str, Any], measure: Callable[[], Any]) -> Any:
        """Return what was found of something, measuring it only when it is not in the file.

        Args:
            of: all that the measurement depends on; JSON.
            measure: measures it; returns JSON.
        """
        key = _key(of)
        if key not in self._found:
            self._found[key] = measure()
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"of": of, "found": self._found[key]}) + "\n")
        return self._found[key]


def _key(of: Mapping[str, Any]) -> str:
    return json.dumps(of, sort_keys=True)
