"""The page on serving: its Python runs, its numbers are the code's, and the launch files parse."""

import json
import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from minimagen.apps import connections, guard, requests, uploads
from minimagen.apps.rest import shapes
from minimagen.cli.flags import parse_flags
from minimagen.cli.serve import FLAGS
from tests.apps.conftest import SIZES, Served
from tests.conftest import ROOT

PAGE = (ROOT / "docs/how-to/serve.md").read_text(encoding="utf-8")
LAUNCH = ROOT / "docs/launch"


def test_its_python_draws_and_edits(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [block] = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.M | re.S)
    monkeypatch.chdir(tmp_path)
    exec(block.replace("http://127.0.0.1:7860", served.url), {})
    assert Image.open("circle_1.png").size == (SIZES[-1], SIZES[-1])
    assert [len(entry.shots) for entry in served.studio.history.entries()] == [1, 2]


def test_its_job_is_one_and_its_fields_are_known() -> None:
    [body] = re.findall(r"-d '(\{.*?\})'", PAGE)
    assert requests.DrawRequest.model_validate_json(body).count == 2
    known = {*shapes.GenerationBody.model_fields, *shapes.EditForm.model_fields}
    table = PAGE.partition("| field | is |")[2].partition("\n\n")[0]
    fields = [row.split("|")[1] for row in table.strip().splitlines()]
    named = {name for field in fields for name in re.findall(r"`(\w+)`", field)}
    assert named <= known
    for kind in (edit.model_fields["kind"].default for edit in requests.EDITS):
        assert f"`{kind}`" in PAGE


def test_its_bounds_are_those_of_the_code() -> None:
    for sentence in (
        f"more than {guard.MAX_BODY // 10**6} MB, with a length",
        f"more than {guard.MAX_BODIES // 10**6} MB by all clients",
        f"captions over {requests.MAX_CAPTION:,} characters",
        f"pictures over {uploads.MAX_BYTES // 10**6} MB or {uploads.MAX_PIXELS // 10**6} million",
        f"reduced to {uploads.MAX_SIDE:,} pixels",
        f"more than {connections.REQUEST_S:.0f} s to arrive",
        f"taking the answer for {connections.TAKING_S:.0f} s",
    ):
        assert sentence in PAGE


def test_the_flags_of_the_launch_files_are_known() -> None:
    unit = (LAUNCH / "minimagen.service").read_text()
    [command] = re.findall(r"^ExecStart=.* serve (.*)$", unit, flags=re.M)
    options = parse_flags("serve", "", FLAGS, "", shlex.split(command))
    assert (options.port, options.host) == (8000, None)
    [entry] = re.findall(r"^ENTRYPOINT (\[.*\])$", (LAUNCH / "Containerfile").read_text(), re.M)
    options = parse_flags("serve", "", FLAGS, "", json.loads(entry)[4:])
    assert (options.host, options.output) == ("0.0.0.0", Path("/served"))
