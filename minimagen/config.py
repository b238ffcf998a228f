"""The one way configuration is declared and read.

``@config`` makes a frozen, keyword-only, strict dataclass; ``parse`` builds one from JSON text and
turns every complaint into a :class:`ConfigError` of one line. A choice between several is a union
discriminated on ``kind``. The classes themselves live beside what they configure, never here.
"""

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, cast, dataclass_transform

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from minimagen.errors import ConfigError

T = TypeVar("T")
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@dataclass_transform(kw_only_default=True, frozen_default=True)
def config(cls: type[T]) -> type[T]:
    """Declare a configuration: frozen, keyword-only, unknown keys and loose types refused."""
    made: Any = dataclass(frozen=True, kw_only=True, config=STRICT)(cls)
    return cast(type[T], made)


def parse(kind: type[T], text: str, where: str) -> T:
    """Read a configuration from JSON.

    Args:
        kind: a class made by :func:`config`.
        text: JSON.
        where: how to name the origin in an error, usually a file name.

    Raises:
        ConfigError: naming the first offending key, what came, and the nearest known key.
    """
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        raise ConfigError(f"{where}: {_first_complaint(kind, error)}") from None


def dump(value: Any) -> str:
    """Write a configuration as JSON that :func:`parse` reads back."""
    return json.dumps(to_plain(value), indent=2, ensure_ascii=False) + "\n"


def to_plain(value: Any) -> Any:
    """Turn a configuration into dicts, lists, strings and numbers."""
    return TypeAdapter(type(value)).dump_python(value, mode="json")


def read_json(path: Path) -> str:
    """Read a parameter file.

    Raises:
        ConfigError: when the file cannot be read as UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); bring a JSON file in UTF-8") from None


def _first_complaint(kind: type, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the whole file"
    came = json.dumps(first["input"], default=str, ensure_ascii=False)
    came = came if len(came) <= 60 else came[:57] + "..."
    if first["type"] == "unexpected_keyword_argument":
        return f"unknown key {place}{_nearest(str(first['loc'][-1]), kind)}"
    if first["type"] in ("missing", "missing_argument"):
        return f"{place} is missing"
    message = first["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if isinstance(first["input"], dict):  # what several keys together say
        return f"{place}: {message[:1].lower()}{message[1:]}"
    return f"{place} is {came}: {message[:1].lower()}{message[1:]}"


def _nearest(key: str, kind: type) -> str:
    known = sorted(set(_keys(TypeAdapter(kind).json_schema())))
    if key in known:
        return ", which this kind does not take; remove it, or give the whole of it anew"
    near = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else "; remove it"


def _keys(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from _keys(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _keys(value)


def find_parameters(directory: Path, stem: str) -> Path:
    """Return the parameter file of this stem; its name may carry a ``_<TIMESTAMP>`` suffix.

    Raises:
        ConfigError: when there is none, or more than one.
    """
    if not directory.is_dir():
        raise ConfigError(
            f"{directory}: no such directory; -p names a directory of parameter files"
        )
    plain = directory / f"{stem}.json"
    found = [plain] if plain.is_file() else sorted(directory.glob(f"{stem}_*.json"))
    if not found:
        raise ConfigError(f"{plain}: no such file; a parameter directory needs one")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ConfigError(f"{directory}: {names} are all {stem}; keep one")
    return found[0]
