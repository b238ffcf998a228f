"""The page on handing a model on shows what was measured, and command lines that are understood."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

import inference
import train
from minimagen.cli import models, release
from minimagen.cli.flags import parse_flags
from minimagen.cli.settings import new_run
from minimagen.cli.shared import named
from tests.conftest import ROOT

PAGE = (ROOT / "docs/how-to/share-a-model.md").read_text(encoding="utf-8")
LINES = re.findall(r"^    python ([^#\n]+)", PAGE, flags=re.MULTILINE)


def test_its_table_is_the_measured_one() -> None:
    measured = json.loads((ROOT / "docs/measured/quantised.json").read_text())
    rows = re.findall(r"^\| (\w+) \| ([\d.]+) \| ([\d.]+) \|", PAGE, flags=re.MULTILINE)
    assert [(dtype, float(size), float(right)) for dtype, size, right in rows] == [
        (found["dtype"], round(found["bytes"] / 1e6, 2), round(found["right"], 3))
        for found in measured["found"]
    ]


@pytest.mark.parametrize("line", LINES)
def test_its_commands_are_understood(line: str) -> None:
    script, *words = shlex.split(line)
    if script == "-m":
        script, *words = words
    if script == "inference.py":
        inference.parse(words)
    elif script == "train.py":
        train.parse(words)
    elif words[:1] == ["release"]:
        parse_flags("release", "", release.FLAGS, "", named(words[1:], release.FLAGS))
    elif words[:1] == ["models"]:
        verb, *rest = words[1:] or ["list"]
        assert len(rest) in models.VERBS[verb][2]
    else:
        assert (ROOT / f"{script.replace('.', '/')}.py").is_file()


def test_what_makes_the_bundled_model_is_understood() -> None:
    asked = ["make", "--dry-run", "--no-print-directory", "bundled"]
    made = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    lines = made.stdout.replace("\\\n", " ").splitlines()
    runs = [shlex.split(line.split("train.py ")[1]) for line in lines if "train.py " in line]
    whole, base = (new_run(train.parse(run)) for run in runs)
    assert whole.training.data.shapes.mix is not None
    assert base.training.data.shapes.mix is None
    assert base.training.data.shapes.seed != whole.training.data.shapes.seed
    assert base.cascade.imagen.stages == whole.cascade.imagen.stages[:1]
    words = shlex.split(lines[-1].split(" release ")[1])
    options = parse_flags("release", "", release.FLAGS, "", named(words, release.FLAGS))
    assert options.output == Path("minimagen/bundled")
