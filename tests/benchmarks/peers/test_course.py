"""A peer's course goes on from what it had learnt, and its points are measured once."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.ledger import Ledger
from benchmarks.peers import client, course
from benchmarks.peers.contender import Task
from benchmarks.peers.course import LongCourse
from benchmarks.peers.jury import Jury
from benchmarks.peers.presets import NAMES, settings_of
from minimagen.data.shapes import held_out_captions


@pytest.mark.slow
@pytest.mark.skipif(not client.FOLDER.is_dir(), reason="python -m benchmarks.peers was not run")
def test_an_interrupted_course_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "STATES", tmp_path / "states")
    monkeypatch.setattr(course, "MEASURED", tmp_path)
    images = torch.randint(256, (4, 3, 64, 64), dtype=torch.uint8)
    tokens, mask = torch.randn(4, 4, 8), torch.ones(4, 4, dtype=torch.bool)
    Task(images, tokens, mask, tokens, mask).write(tmp_path)
    jury = Jury.gather(held_out_captions("single", 2, seed=0))
    settings = settings_of(NAMES[0], width=8, batch=2)
    short = LongCourse(NAMES[0], "peer", settings, (0.1,), captions=2)
    short.run(tmp_path, jury, Ledger(tmp_path / "found.jsonl"))

    longer = replace(short, moments=(0.1, 3.0))
    assert not longer.is_over(Ledger(tmp_path / "found.jsonl"))
    longer.run(tmp_path, jury, Ledger(tmp_path / "found.jsonl"))
    first, last = longer.known(Ledger(tmp_path / "found.jsonl"))
    assert short.known(Ledger(tmp_path / "found.jsonl")) == [first]
    assert first["steps"] < last["steps"]
    assert first["seconds"] < last["seconds"]
    assert longer.is_over(Ledger(tmp_path / "found.jsonl"))
    lines = (tmp_path / "found.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 4  # two moments, trained to and looked at
