"""Weights & Biases in its offline mode: what it wrote is read back."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import train
from tests.tiny_runs import tiny_run

pytest.importorskip("wandb")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a finished run of one stage."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    return tiny_run(tmp_path, 16, trackers=["wandb"], images=6)


def records(run: Path) -> Iterator[Any]:
    """Read the files that ``wandb sync`` would upload."""
    from wandb.proto.wandb_internal_pb2 import Record

    for file in sorted(run.glob("wandb/offline-run-*/*.wandb")):
        for data in logged(file.read_bytes()):
            record = Record()
            record.ParseFromString(data)
            yield record


def logged(log: bytes) -> Iterator[bytes]:
    """Read a LevelDB log, which is what they are: records in parts that fit into 32 KiB blocks."""
    place, whole = 7, b""
    while place + 7 <= len(log):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", log, place)
        whole += log[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # all of a record, or the last part of it
            yield whole
            whole = b""


def history(run: Path) -> Iterator[dict[str, Any]]:
    """Return the rows that were told, an item for each value."""
    for record in records(run):
        if record.HasField("history"):
            items = record.history.item
            yield {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items}


def test_every_step_is_told_with_its_values_and_its_grid(run: Path) -> None:
    rows = list(history(run))
    assert [row["_step"] for row in rows] == [1, 2, 3]
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert [row["loss"] for row in rows] == losses
    assert ["samples" in row or "samples/path" in row for row in rows] == [False, True, True]


def test_the_stage_is_one_run_in_a_group_of_the_directory(run: Path) -> None:
    """Also when it is continued: it keeps the id that was drawn first."""
    flags = ["-rd", str(run), "-e", "1"]
    assert train.main(flags) == 0
    told = [record.run for record in records(run) if record.HasField("run")]
    assert {(said.run_group, said.display_name) for said in told} == {
        ("training_run", "training_run stage 0")
    }
    assert len({said.run_id for said in told}) == 1
    assert len(list(run.glob("wandb/offline-run-*"))) == 2
