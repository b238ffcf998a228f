"""The loss on held-out pictures, and its parts by noise level."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from minimagen.conditioning import TextEmbedding
from minimagen.stage import Stage
from minimagen.tensors import from_uint8
from minimagen.training.draws import draw
from minimagen.training.step import stage_losses
from minimagen.training.validation import (
    ValidationLoss,
    ValidationSet,
    summarised,
    validation_loss,
)
from tests.tiny_runs import tiny_run

Make = Callable[..., Stage]
COUNT = 10


@pytest.fixture
def stage(make_second_stage: Make) -> Stage:
    """Return one that drops much in training."""
    return make_second_stage(text_dropout=0.9, lowres_dropout=0.9, learned_log_variance=True)


@pytest.fixture
def held_out(stage: Stage) -> ValidationSet:
    source = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (COUNT, 3, 32, 32), generator=source, dtype=torch.uint8)
    width = stage.network.reader.project[1].in_features
    tokens = torch.randn(COUNT, 3, width, generator=source)
    text = TextEmbedding(tokens, torch.ones(COUNT, 3, dtype=torch.bool))
    return ValidationSet(images, text, tuple("abcdefghij"))


def measured(stage: Stage, held_out: ValidationSet, batch_size: int) -> ValidationLoss:
    return validation_loss(
        stage, stage.network, held_out, seed=0, batch_size=batch_size, precision="no"
    )


def test_the_parts_are_those_of_the_losses_one_by_one(
    stage: Stage, held_out: ValidationSet
) -> None:
    """1e-5 is float32 rounding in batches of other sizes."""
    draws = draw(stage, range(COUNT), COUNT, 0, "validation").undropped()
    with torch.no_grad():
        images = from_uint8(held_out.images)
        losses = stage_losses(stage, stage.network, images, held_out.text, draws)
    levels = stage.config.schedule.log_snr(draws.t.double())
    pairs = sorted(zip(levels.tolist(), losses.tolist(), strict=True))
    parts = [pairs[0:3], pairs[3:6], pairs[6:8], pairs[8:10]]
    found = measured(stage, held_out, batch_size=4)
    assert found.mean == pytest.approx(float(losses.mean()), rel=1e-5)
    means = [sum(loss for _, loss in part) / len(part) for part in parts]
    assert found.bins == pytest.approx(means, rel=1e-5)
    assert found.edges == [part[0][0] for part in parts] + [pairs[-1][0]]


def test_the_batch_size_changes_nothing(stage: Stage, held_out: ValidationSet) -> None:
    """The draws are those of the whole set; 1e-5 is float32 rounding in other batches."""
    one, other = (measured(stage, held_out, batch_size=size) for size in (3, COUNT))
    assert one.edges == other.edges
    assert [one.mean, *one.bins] == pytest.approx([other.mean, *other.bins], rel=1e-5)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 64])
def test_every_sample_is_in_one_part_and_no_part_is_empty(count: int) -> None:
    """Weighted by their sizes, which differ by at most one, the parts give the mean."""
    losses = torch.rand(count, dtype=torch.float64)
    log_snr = torch.randn(count, dtype=torch.float64)
    found = summarised(losses, log_snr)
    sizes = [len(part) for part in torch.arange(count).tensor_split(len(found.bins))]
    assert len(found.bins) == min(4, count) == len(found.edges) - 1
    assert found.edges == sorted(found.edges)
    total = sum(size * loss for size, loss in zip(sizes, found.bins, strict=True))
    assert total / count == pytest.approx(found.mean)


def test_people_are_shown_the_parts() -> None:
    loss = ValidationLoss(mean=0.25, bins=[0.4, 0.1], edges=[-9.0, 0.0, 8.0])
    assert str(loss) == "0.25000 (by log-SNR: from -9.0 0.40000, from 0.0 0.10000, to 8.0)"


def test_a_run_writes_the_parts_for_programs_and_for_people(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, 16, validation_images=8, train_fraction=0.3)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    found = [line for line in lines if "validation_loss" in line]
    assert [line["step"] for line in found] == [2, 4]
    for line in found:
        assert len(line["validation_loss_bins"]) == 4
        assert len(line["validation_log_snr_edges"]) == 5
        mean = sum(line["validation_loss_bins"]) / 4
        assert mean == pytest.approx(line["validation_loss"])
    assert found[0]["validation_log_snr_edges"] == found[1]["validation_log_snr_edges"]
    assert "(by log-SNR: from -" in (run / "training_progress.txt").read_text()
