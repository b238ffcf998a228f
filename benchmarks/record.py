"""How a benchmark reports: a table on the screen, and JSON with the machine it ran on."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from minimagen.runtime import processor_name

MEASURED = Path(__file__).parents[1] / "docs" / "measured"


def machine() -> dict[str, Any]:
    """Say what this ran on."""
    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
    }


def save(name: str, command: str, results: Mapping[str, Any]) -> Path:
    """Write ``docs/measured/<name>.json``."""
    MEASURED.mkdir(parents=True, exist_ok=True)
    path = MEASURED / f"{name}.json"
    record = {"command": command, "machine": machine(), **results}
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return path


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table that Markdown renders."""
    print("\n".join(table_lines(columns, rows)))


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return the lines of a table that Markdown renders."""
    lines = (columns, ["---"] * len(columns), *rows)
    return ["| " + " | ".join(str(cell) for cell in row) + " |" for row in lines]


def by_column(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Name the cells of a table's rows, for JSON."""
    return [dict(zip(columns, row, strict=True)) for row in rows]
