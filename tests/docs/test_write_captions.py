"""The page on captions shows what is drawn, what was measured, and commands that are understood."""

import json
import re
import shlex
from pathlib import Path

import pytest

import inference
from minimagen.text.prompts import Prompt, expand_all, in_style, read_prompt
from tests.conftest import ROOT

PAGE = (ROOT / "docs/how-to/write-captions.md").read_text(encoding="utf-8")
EXAMPLES = [
    row.replace("\\|", "|")
    for row in re.findall(r"^\| (`.+) \|$", PAGE.partition("## Choices")[0], flags=re.MULTILINE)
]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


@pytest.mark.parametrize("row", [row for row in EXAMPLES if "--wildcards" not in row])
def test_its_examples_are_drawn_as_it_says(row: str) -> None:
    written, *drawn = quoted(row)
    prompts = [read_prompt(text) for text in expand_all(written)]
    assert [prompt.text for prompt in prompts] == drawn
    said = re.findall(r"(\w+) (?:weighing )?([\d.]+)", row.rpartition("`")[2])
    assert [words(prompt) for prompt in prompts if prompt.weights] == ([said] if said else [])


def words(prompt: Prompt) -> list[tuple[str, str]]:
    return [(prompt.text[w.start : w.end], f"{w.value:g}") for w in prompt.weights]


def test_its_style_is_a_style() -> None:
    styles = json.loads(re.search(r'^    (\{"oil.+\})$', PAGE, flags=re.MULTILINE)[1])  # type: ignore[index]
    assert in_style("a cat", "oil", styles) == "a cat, oil on canvas"


def test_its_commands_are_understood() -> None:
    lines = re.findall(r"^    python inference.py (.+)$", PAGE, flags=re.MULTILINE)
    assert len(lines) == 4
    for line in lines:
        inference.parse(shlex.split(line))


def test_its_python_runs_up_to_the_model() -> None:
    """The one line that loads a model and the one that draws are left out."""
    block = PAGE.partition("```python\n")[2].partition("```")[0]
    kept = [line for line in block.splitlines() if not re.search(r"Imagen|= imagen", line)]
    scope: dict[str, list[Prompt]] = {}
    exec("\n".join(kept), scope)
    assert [prompt.text for prompt in scope["prompts"]] == ["a red circle", "a blue circle"]


def test_the_page_of_the_cache_has_commands_that_are_understood() -> None:
    from minimagen.cli.embed import FLAGS
    from minimagen.cli.flags import parse_flags

    page = Path(ROOT / "docs/how-to/cache-embeddings.md").read_text(encoding="utf-8")
    lines = re.findall(r"^    python -m minimagen embed (.+)$", page, flags=re.MULTILINE)
    assert len(lines) == 5
    for line in lines:
        parse_flags("embed", "", FLAGS, "", shlex.split(line))
