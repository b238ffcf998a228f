"""Weights, averages and optimizer divided among two processes: the same files, the same numbers."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import train
from minimagen import Imagen
from minimagen.cascade import CascadeConfig
from minimagen.imagen import make_stage
from minimagen.training.config import TrainingConfig
from tests.conftest import ROOT, Tree
from tests.launched import Launched, fitted, launch
from tests.tiny_runs import write_parameters

SMALLER = 64  # times, than the paper's


def cut_down() -> Tree:
    """Return ``parameters/imagen``, its base alone and a few thousand weights small."""
    names = ("imagen", "unet_0", "training")
    files = {name: ROOT / f"parameters/imagen/{name}_params.json" for name in names}
    tree: Tree = {name: json.loads(file.read_text()) for name, file in files.items()}
    tree["imagen"]["text_encoder"] = {"kind": "t5", "name": "t5-tiny"}
    tree["imagen"]["stages"] = tree["imagen"]["stages"][:1]
    tree["imagen"]["stages"][0] |= {"self_conditioning": 0.5, "learned_log_variance": True}
    tree["imagen"]["stages"][0]["sampling"]["steps"] = 2
    for level in tree["unet_0"]["levels"]:
        level |= {"width": level["width"] // SMALLER, "blocks": 1}
    tree["unet_0"] |= {"embedding": 2048 // SMALLER, "text": 1024 // SMALLER, "head_width": 8}
    short = {"images": 12, "batch_size": 2, "accumulate": 1, "checkpoint_every": 2}
    data = {"dataset": "shapes", "shapes": {"size": 12, "variant": "single"}}
    tree["training"] |= short | {"data": data, "validation_images": 2}
    tree["training"]["optimizer"]["warmup_steps"] = 0
    return tree


@pytest.fixture(scope="module")
def parameters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_parameters(tmp_path_factory.mktemp("sharded") / "parameters", cut_down())


@pytest.fixture(scope="module")
def sharded(parameters: Path) -> Launched:
    """Return a finished run of three steps in two processes; only read it."""
    return fitted(parameters)


def test_the_paper_s_networks_ask_for_sharding() -> None:
    assert TrainingConfig.read(ROOT / "parameters/imagen").sharding == "full"


@pytest.mark.slow
def test_one_process_loads_and_draws_with_what_two_trained(
    sharded: Launched, parameters: Path
) -> None:
    """Names and shapes are those of the whole network; no warning was printed on the way."""
    run = sharded.output / "training_run"
    whole = make_stage(CascadeConfig.read(parameters), 0).network.state_dict()
    for kind in ("state", "best", "raw"):
        saved = load_file(run / f"state_dicts/unet_0_{kind}.safetensors")
        assert {name: value.shape for name, value in saved.items()} == {
            name: value.shape for name, value in whole.items()
        }
    images = Imagen.load(run, device="cpu").sample(["a red circle"])
    assert images.shape == (1, 3, 64, 64)
    assert images.isfinite().all()
    assert "Warning" not in sharded.errors


@pytest.mark.slow
def test_two_that_share_the_weights_learn_what_one_learns(
    sharded: Launched, parameters: Path, tmp_path: Path
) -> None:
    """1e-5 is float32 rounding through three steps of AdamW's square root; a step is 1e-4."""
    alone = train.train(
        train.parse(["-p", str(parameters), "-o", str(tmp_path), "-ai", "2", "-dv", "cpu"])
    )
    groups = ["model", "ema", "optimizer", "log_variance"]
    for name in [f"tmp/unet_0/step_00000003/{group}.safetensors" for group in groups]:
        one, other = load_file(alone / name), load_file(sharded.output / "training_run" / name)
        assert one.keys() == other.keys()
        for key, value in one.items():
            torch.testing.assert_close(value, other[key], atol=1e-5, rtol=1e-3)


@pytest.mark.slow
def test_a_sharded_run_goes_on_with_the_same_bytes(sharded: Launched, tmp_path: Path) -> None:
    """From the checkpoint of its second step, whose tensors each process takes its part of."""
    whole, cut = sharded.output / "training_run", tmp_path / "training_run"
    shutil.copytree(whole, cut)
    shutil.rmtree(cut / "tmp/unet_0/step_00000003")
    again = launch(tmp_path, "train.py", "-rd", str(cut), "-dv", "cpu")
    assert again.ended() == 0, again.errors
    for group in ("model", "ema", "optimizer", "log_variance"):
        name = f"tmp/unet_0/step_00000003/{group}.safetensors"
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
