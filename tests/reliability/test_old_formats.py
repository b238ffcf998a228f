"""What earlier versions wrote is read for ever; what later ones write is refused by its number.

``golden/format_1`` was written by the first version and is never written again: a change that
cannot read it needs a new format number, and a new directory beside it.
"""

import json
import shutil
from pathlib import Path

import pytest
import torch

import train
from minimagen.cascade import CascadeConfig
from minimagen.checkpoint import newest_checkpoint, read_checkpoint, write_checkpoint
from minimagen.errors import CheckpointError, NoValidCheckpointError
from minimagen.training.config import TrainingConfig
from tests.tiny_runs import files_of, tiny_run

GOLDEN = Path(__file__).parent / "golden/format_1"
CHECKPOINT = GOLDEN / "step_00000007"


def test_the_first_version_s_checkpoint_is_read_to_the_last_bit() -> None:
    assert newest_checkpoint(GOLDEN) == (CHECKPOINT, [])
    saved = read_checkpoint(CHECKPOINT)
    weight = torch.arange(12, dtype=torch.float32).view(3, 4) / 8
    expected = {
        "model": {"weight": weight, "bias": torch.tensor([0.1, -0.0, float("inf")])},
        "ema": {"weight": (weight / 2).to(torch.bfloat16)},
        "optimizer": {"0.0.step": torch.tensor(7.0), "0.0.exp_avg": torch.full((3, 4), 1e-30)},
    }
    assert (saved.step, saved.state) == (7, {"step": 7, "best_loss": 0.125, "seconds": 1.5})
    assert saved.tensors.keys() == expected.keys()
    for group, named in expected.items():
        assert saved.tensors[group].keys() == named.keys()
        for name, tensor in named.items():
            assert saved.tensors[group][name].dtype == tensor.dtype
            assert torch.equal(saved.tensors[group][name], tensor)


def test_the_first_version_s_parameters_are_read() -> None:
    """With every objective and schedule it knew; what came later has a default."""
    cascade = CascadeConfig.read(GOLDEN / "parameters")
    stages = cascade.imagen.stages
    assert [stage.size for stage in stages] == [8, 16, 32]
    assert [stage.objective.kind for stage in stages] == ["eps", "flow", "v"]
    assert [stage.schedule.kind for stage in stages] == ["linear_beta", "flow", "cosine"]
    assert [unet.patch for unet in cascade.unets] == [4, 4, 4]
    assert TrainingConfig.read(GOLDEN / "parameters").checkpoint_every == 2


def test_a_run_saved_with_the_first_version_s_counters_goes_on_to_the_same_bytes(
    tmp_path: Path,
) -> None:
    """Counters that came later start at their defaults."""
    run = tiny_run(tmp_path, 16)
    whole, root = files_of(run), run / "tmp/unet_0"
    shutil.rmtree(root / "step_00000004")
    saved = read_checkpoint(root / "step_00000002")
    shutil.rmtree(root / "step_00000002")
    known = json.loads((CHECKPOINT / "state.json").read_text()).keys()
    write_checkpoint(root, 2, saved.tensors, {name: saved.state[name] for name in known})
    assert train.main(["-rd", str(run)]) == 0
    assert files_of(run) == whole


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Return a copy of the golden checkpoint to change."""
    return shutil.copytree(CHECKPOINT, tmp_path / CHECKPOINT.name)


def renumbered(checkpoint: Path, number: int, **keys: object) -> Path:
    """Give a checkpoint another format number, and keys that only that format knows."""
    manifest = checkpoint / "MANIFEST.json"
    changed = json.loads(manifest.read_text()) | {"format": number} | keys
    manifest.write_text(json.dumps(changed, indent=2) + "\n")
    return checkpoint


@pytest.mark.parametrize(("number", "keys"), [(2, {}), (99, {"shards": 8, "files": []}), (0, {})])
def test_another_format_is_refused_by_its_number_with_what_to_do(
    checkpoint: Path, number: int, keys: dict[str, object]
) -> None:
    """Not as damaged, though its other keys may be unknown here."""
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(renumbered(checkpoint, number, **keys))
    said = str(caught.value)
    assert f"has format {number}, this version reads 1; " in said
    assert said.endswith("continue it with the version of minimagen that wrote it")
    assert "damaged" not in said
    with pytest.raises(NoValidCheckpointError, match=f"has format {number}"):
        newest_checkpoint(checkpoint.parent)
