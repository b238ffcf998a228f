"""The pages about data are run as they stand."""

import json
import re
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from minimagen.cli.settings import new_run
from minimagen.cli.train import parse
from minimagen.data.collection import collect
from minimagen.data.listing import Request
from minimagen.data.rows import read_rows
from minimagen.data.shapes import Mix

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
BRING = (PAGES / "bring-your-data.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```(jsonl|csv|tsv)\n(.*?)^```", BRING, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("suffix", "content"), EXAMPLES)
def test_each_table_on_the_page_is_read(tmp_path: Path, suffix: str, content: str) -> None:
    path = tmp_path / f"table.{suffix}"
    path.write_text(content)
    rows = list(read_rows(path))
    assert len(rows) == {"jsonl": 3, "csv": 1, "tsv": 1}[suffix]
    assert rows[0].captions[0].startswith("a ")


def test_the_lines_on_built_in_scenes_are_read() -> None:
    lines = re.findall(r"^    python train.py (-ds shapes .+)$", BRING, flags=re.MULTILINE)
    single, mixed = (new_run(parse(shlex.split(line))).training.data.shapes for line in lines)
    assert (single.variant, single.size) == ("single", 20_000)
    assert mixed.mix == Mix(one=1, some=1, two=1, related=3)
    usual = ", ".join(str(getattr(Mix(), field.name)) for field in fields(Mix))
    assert f"| `mix` | {usual} |" in BRING


def test_the_kind_on_the_page_lists_its_pictures(tmp_path: Path) -> None:
    source = (PAGES / "add-a-data-source.md").read_text().split("```python\n")[1].split("```")[0]
    page: dict[str, Any] = {}
    exec(source, page)
    for name in "ab":
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.jpg")
    tokens = ["a.jpg#0\tA dog.", "a.jpg#1\tA brown dog.", "b.jpg#0\tA cat.", "../c.jpg#0\tNo."]
    (tmp_path / "Flickr8k.token.txt").write_text("\n".join(tokens))
    request = Request(dataset=str(tmp_path))
    assert page["is_flickr"](request)
    found, rejections = collect(page["list_flickr"](request), check_size=8, max_rejected=0.1)
    assert [found.captions(i) for i in range(2)] == [("A dog.", "A brown dog."), ("A cat.",)]
    assert rejections == []


def test_the_figures_on_the_page_are_those_measured() -> None:
    measured = json.loads((PAGES.parent / "measured/opening.json").read_text())
    for row in measured["tables"]:
        figures = row["table"], row["cpu_seconds"], row["memory_mb"], row["bytes_per_row"]
        assert "| " + " | ".join(map(str, figures)) + " |" in BRING
    folder = measured["folder"]
    assert f"took {folder['cpu_seconds']} s, which is {folder['cpu_minutes_per_million']}" in BRING
