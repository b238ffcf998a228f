"""Judging on the way writes numbers down, and changes nothing of what is learnt."""

import json
from pathlib import Path
from typing import Any

import pytest

from minimagen.errors import ConfigError
from minimagen.evaluation.on_the_way import evaluator_of
from minimagen.training.config import EvaluationConfig
from tests.tiny_runs import files_of, tiny_run

DATA = {"data": {"shapes": {"size": 40, "variant": "single"}}, "train_fraction": 0.6}
JUDGED = {"evaluation": {"pictures": 8, "real": 12, "steps": 1}}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that was judged on the way."""
    return tiny_run(tmp_path_factory.mktemp("judged"), 16, 32, **DATA, **JUDGED)


def lines(run: Path) -> list[dict[str, Any]]:
    """Read what was measured."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_the_weights_are_those_of_a_run_that_was_not_judged(judged: Path, tmp_path: Path) -> None:
    plain = tiny_run(tmp_path, 16, 32, **DATA)
    assert files_of(judged) == files_of(plain)
    assert not any("kernel_distance" in line for line in lines(plain))


def test_bases_are_judged_by_what_they_draw_and_others_by_what_they_enlarge(judged: Path) -> None:
    drawn = [line for line in lines(judged) if "kernel_distance" in line]
    enlarged = [line for line in lines(judged) if "psnr_beyond_bicubic" in line]
    assert [(line["stage"], line["step"]) for line in drawn] == [(0, 2), (0, 4)]
    assert [(line["stage"], line["step"]) for line in enlarged] == [(1, 2), (1, 4)]
    assert all(0 <= line["recall"] <= 1 and line["caption_accuracy"] >= 0 for line in drawn)
    assert all(line["psnr"] > 0 for line in enlarged)
    assert "kernel_distance" in (judged / "training_progress.txt").read_text()


def test_a_feature_network_that_is_not_there_ends_a_run_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        tiny_run(tmp_path, 16, evaluation={"features": str(tmp_path / "nothing")})
    assert not (tmp_path / "training_run").exists()
    assert evaluator_of(None) is None
    assert EvaluationConfig().features == "tiny"
