"""Nested values made flat, for what knows only names and numbers, or names and text."""

import json
from collections.abc import Mapping
from typing import Any

from minimagen.training.records.sink import Values


def scalars(values: Values) -> dict[str, float]:
    """Return the numbers among measured values; those of a list as ``name/0``, ``name/1``, ...

    Lists of whole numbers are names of samples, no measurements, and are left out.
    """
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, int | float):
            found[name] = float(value)
        elif isinstance(value, list):
            numbers = [number for number in value if isinstance(number, float)]
            found |= {f"{name}/{i}": number for i, number in enumerate(numbers)}
    return found


def flattened(tree: Any, name: str = "") -> dict[str, str]:
    """Return the leaves of nested dicts and lists of dicts by dotted names, each as JSON."""
    if isinstance(tree, Mapping):
        branches = {str(key): value for key, value in tree.items()}
    elif isinstance(tree, list) and any(isinstance(item, Mapping) for item in tree):
        branches = {str(i): value for i, value in enumerate(tree)}
    else:
        return {name: json.dumps(tree, ensure_ascii=False)}
    leaves: dict[str, str] = {}
    for key, value in branches.items():
        leaves |= flattened(value, f"{name}.{key}" if name else key)
    return leaves
