import json
from pathlib import Path

import torch

from minimagen.text.build_t5_tiny import build
from minimagen.text.encoders import T5Config, load_encoder
from minimagen.text.everyday import everyday_captions


def test_what_is_built_loads_and_embeds(built: Path) -> None:
    encoder = load_encoder(T5Config(name=str(built)))
    text = encoder.encode(["a photo of a chinese temple", "日本"])
    assert text.tokens.isfinite().all()
    assert encoder.width == 64


def test_only_the_encoder_is_kept(built: Path) -> None:
    from safetensors import safe_open

    with safe_open(built / "model.safetensors", "pt") as weights:
        assert {name.split(".")[0] for name in list(weights.keys())} == {"shared", "encoder"}
    assert sum(path.stat().st_size for path in built.iterdir()) < 2_000_000


def test_features_have_unit_mean_square(built: Path) -> None:
    """0.2: the scale was measured on other captions."""
    captions = everyday_captions(7)
    text = load_encoder(T5Config(name=str(built))).encode([next(captions) for _ in range(300)])
    scale = text.tokens[text.mask].square().mean(dim=0).sqrt()
    torch.testing.assert_close(scale, torch.ones_like(scale), atol=0.2, rtol=0)


def test_equal_seeds_give_equal_bytes_and_leave_the_global_state_alone(
    built: Path, tmp_path: Path
) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    build(everyday_captions(2), tmp_path, steps=3, seed=0, pool=1500)
    assert torch.equal(torch.get_rng_state(), before)
    for name in ("model.safetensors", "tokenizer.json", "tokenizer_config.json", "config.json"):
        assert (tmp_path / name).read_bytes() == (built / name).read_bytes(), name


def test_provenance_says_how_it_was_made(built: Path) -> None:
    made = json.loads((built / "provenance.json").read_text())
    assert (made["steps"], made["seed"]) == (3, 0)
    assert made["command"].startswith("python -m minimagen build-t5-tiny")
    assert made["final_loss"] > 0
