"""A text encoder that learns with the base: exactly resumed, and read by all that comes later."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import inference
import train
from minimagen.checkpoint import read_weights
from minimagen.errors import ConfigError
from minimagen.imagen import Imagen
from minimagen.text.encoders import ClipConfig, T5Config, TunedConfig, load_encoder
from minimagen.text.encoders.tuned import weights_of
from minimagen.weights import text_weights_path
from tests.conftest import cascade_of
from tests.text.pretrained import save_clip
from tests.tiny_runs import files_of, tiny_run, write_parameters

CAPTIONS = ["a red circle", "a blue square on the left"]
TUNING = {"tune_text_encoder": {"learning_rate": 1e-3}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two stages that was never stopped."""
    return tiny_run(tmp_path_factory.mktemp("whole"), 16, 32, **TUNING)


def files(run: Path) -> dict[str, bytes]:
    return {name: data for name, data in files_of(run).items() if "text_encoder" in name}


def test_its_weights_move_and_are_saved_averaged(whole: Path) -> None:
    saved = read_weights(text_weights_path(whole))
    plain = weights_of(load_encoder(T5Config()).model)
    assert saved.keys() == plain.keys()
    moved = [name for name in saved if not torch.equal(saved[name], plain[name])]
    assert len(moved) == len(saved)
    assert max(float((saved[name] - plain[name]).abs().max()) for name in saved) < 0.1


def test_inference_reads_captions_with_it(whole: Path, tmp_path: Path) -> None:
    imagen = Imagen.load(whole, device="cpu")
    tuned = TunedConfig(of=T5Config(), weights=str(text_weights_path(whole)))
    assert imagen.text_encoder == tuned
    ours, plain = imagen.encode(CAPTIONS), load_encoder(T5Config()).encode(CAPTIONS)
    assert torch.equal(ours.tokens, load_encoder(tuned).encode(CAPTIONS).tokens)
    assert not torch.equal(ours.tokens, plain.tokens)
    assert inference.main(["-d", str(whole), "-c", CAPTIONS[0], "-o", str(tmp_path)]) == 0


def test_a_saved_copy_draws_the_same(whole: Path, tmp_path: Path) -> None:
    imagen = Imagen.load(whole, device="cpu")
    imagen.save(tmp_path)
    again = Imagen.load(tmp_path, device="cpu")
    assert torch.equal(again.sample(CAPTIONS[:1]), imagen.sample(CAPTIONS[:1]))


@pytest.mark.parametrize("last", [2, 0])
def test_a_run_that_was_stopped_ends_with_the_same_bytes(
    whole: Path, tmp_path: Path, last: int
) -> None:
    """Both stages: the later one embeds its captions anew with what the base left."""
    run = shutil.copytree(whole, tmp_path / "run")
    shutil.rmtree(run / "tmp/unet_0/step_00000004")
    if last == 0:
        shutil.rmtree(run / "tmp/unet_0/step_00000002")
        for file in (run / "state_dicts").iterdir():
            file.unlink()
    shutil.rmtree(run / "tmp/unet_1")
    for file in (run / "state_dicts").glob("unet_1*"):
        file.unlink()
    assert train.main(["-rd", str(run)]) == 0
    assert files_of(run) == files_of(whole)
    assert len(files(run)) == 5  # the published one; weights and average of two checkpoints


def test_a_later_stage_learns_what_it_will_read(whole: Path, tmp_path: Path) -> None:
    """Trained on the encoder as it was, its weights would be others."""
    run = shutil.copytree(whole, tmp_path / "run")
    for path in [*(run / "state_dicts").glob("*"), run / "tmp/unet_1"]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    parameters = run / "parameters/training_params.json"
    settings = json.loads(parameters.read_text()) | {"tune_text_encoder": None}
    parameters.write_text(json.dumps(settings))
    assert train.main(["-rd", str(run), "-st", "1"]) == 0
    name = "state_dicts/unet_1_state.safetensors"
    assert files_of(run)[name] != files_of(whole)[name]


def test_a_later_stage_waits_for_the_base(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(whole, tmp_path / "run")
    shutil.rmtree(run / "tmp/unet_0/step_00000004")
    assert train.main(["-rd", str(run), "-st", "1"]) == 2
    assert "after step 2 of 4; fit stage 0 to its end first" in capsys.readouterr().err


def test_a_run_may_start_from_it(whole: Path, tmp_path: Path) -> None:
    """The new run brings the encoder along, and needs the old one no more."""
    flags = ["-p", str(whole / "parameters"), "-id", str(whole), "-o", str(tmp_path), "-ts", "new"]
    set_off = ["--SET", "training.tune_text_encoder=null", "--SET", "training.images=2"]
    run = train.train(train.parse([*flags, *set_off]))
    assert text_weights_path(run).read_bytes() == text_weights_path(whole).read_bytes()
    ours, theirs = (Imagen.load(path, device="cpu").encode(CAPTIONS) for path in (run, whole))
    assert torch.equal(ours.tokens, theirs.tokens)


def test_a_clip_learns_too(tmp_path: Path) -> None:
    model = save_clip(tmp_path / "clip")
    tree = cascade_of(16)
    tree["imagen"]["text_encoder"] = {"kind": "clip", "name": str(tmp_path / "clip")}
    tree["training"] |= TUNING
    parameters = write_parameters(tmp_path / "parameters", tree)
    run = train.train(train.parse(["-p", str(parameters), "-o", str(tmp_path), "-ts", "run"]))
    config = ClipConfig(name=str(tmp_path / "clip"))
    tuned = TunedConfig(of=config, weights=str(text_weights_path(run)))
    before, after = (load_encoder(c).encode(CAPTIONS).tokens for c in (config, tuned))
    assert not torch.equal(before, after)
    assert weights_of(model).keys() == read_weights(text_weights_path(run)).keys()


@pytest.mark.parametrize(
    ("encoder", "said"),
    [
        ({"kind": "words"}, "only one t5 or clip can learn"),
        (None, "only one t5 or clip can learn"),
        ({"kind": "t5", "dtype": "bfloat16"}, "would lose small steps"),
    ],
)
def test_what_cannot_learn_is_refused_before_anything_is_made(
    tmp_path: Path, encoder: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = cascade_of(16)
    tree["imagen"]["text_encoder"] = encoder
    tree["training"] |= TUNING
    parameters = write_parameters(tmp_path / "parameters", tree)
    assert train.main(["-p", str(parameters), "-o", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_weights_of_another_encoder_are_refused(whole: Path, tmp_path: Path) -> None:
    save_clip(tmp_path)
    wrong = TunedConfig(of=ClipConfig(name=str(tmp_path)), weights=str(text_weights_path(whole)))
    with pytest.raises(ConfigError, match="no weights of this text encoder"):
        load_encoder(wrong)


def test_embedding_with_a_gradient_is_embedding() -> None:
    encoder = load_encoder(T5Config())
    with_gradient = encoder.embed([*CAPTIONS, ""])
    assert with_gradient.tokens.requires_grad
    plain = encoder.encode([*CAPTIONS, ""])
    assert torch.equal(with_gradient.tokens.detach(), plain.tokens)
    assert torch.equal(with_gradient.mask, plain.mask)
