"""CLIP and DINOv2 at tiny sizes, with weights at random: what transformers itself makes of them."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from minimagen.errors import ConfigError
from minimagen.evaluation.alignment import clip_score
from minimagen.evaluation.features import ReadingNetwork, load_features
from tests.text.pretrained import clip_tokenizer, save_clip

LOOKS = {
    "size": {"shortest_edge": 32},
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.3, 0.2, 0.25],
}
IMAGES = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
CAPTIONS = ["a pink flower", "two red circles above a blue square", "the old dog"]


def save_looks(directory: Path, **changes: Any) -> None:
    (directory / "preprocessor_config.json").write_text(json.dumps({**LOOKS, **changes}))


def pixels() -> Tensor:
    mean, deviation = (torch.tensor(LOOKS[k]).view(3, 1, 1) for k in ("image_mean", "image_std"))
    return ((IMAGES + 1) / 2 - mean) / deviation


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("clip")
    save_clip(directory, whole=True)
    save_looks(directory)
    return directory


@pytest.fixture(scope="module")
def dino(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import Dinov2Config, Dinov2Model

    directory = tmp_path_factory.mktemp("dino")
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    Dinov2Model(Dinov2Config(**sizes, image_size=32, patch_size=8)).save_pretrained(directory)
    save_looks(directory, crop_size={"height": 32, "width": 32})
    return directory


def test_clip_sees_and_reads_as_transformers_does(clip: Path) -> None:
    from transformers import CLIPModel

    theirs, network = CLIPModel.from_pretrained(clip).eval(), load_features(str(clip))
    assert isinstance(network, ReadingNetwork)
    tokenizer = clip_tokenizer()
    with torch.no_grad():
        seen = theirs.visual_projection(theirs.vision_model(pixels()).pooler_output)
        read = [
            theirs.text_projection(
                theirs.text_model(torch.tensor([tokenizer.encode(caption).ids])).pooler_output
            )
            for caption in CAPTIONS
        ]
    assert network.width == seen.shape[1]
    assert torch.allclose(network(IMAGES), seen, atol=1e-5)
    assert torch.allclose(network.read(CAPTIONS), torch.cat(read), atol=1e-5)


def test_the_clip_score_is_a_hundred_cosines_and_0_of_nothing(clip: Path) -> None:
    network = load_features(str(clip))
    assert isinstance(network, ReadingNetwork)
    found = clip_score(network, IMAGES, [*CAPTIONS[:2], ""])
    for row in range(2):
        a, b = network(IMAGES)[row], network.read(CAPTIONS)[row]
        assert found[row].item() == pytest.approx(
            max(0, 100 * (a @ b / a.norm() / b.norm()).item()), abs=1e-3
        )
    assert found[2] == 0


def test_dinov2_gives_its_class_token(dino: Path) -> None:
    from transformers import Dinov2Model

    theirs, network = Dinov2Model.from_pretrained(dino).eval(), load_features(str(dino))
    with torch.no_grad():
        expected = theirs(pixels()).pooler_output
    assert network.width == 24
    assert torch.allclose(network(IMAGES), expected, atol=1e-5)
    assert not isinstance(network, ReadingNetwork)


def test_pictures_of_another_size_are_resized(dino: Path) -> None:
    assert load_features(str(dino))(torch.zeros(2, 3, 50, 70)).shape == (2, 24)


def test_the_identity_is_that_of_the_files(dino: Path) -> None:
    first = load_features(str(dino)).identity
    assert load_features(str(dino)).identity == first
    save_looks(dino, crop_size=32, image_mean=[0.0, 0.0, 0.0])
    assert load_features(str(dino)).identity != first
    save_looks(dino, crop_size={"height": 32, "width": 32})


def test_what_is_not_here_is_asked_for_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"no config\.json on this machine; bring config"):
        load_features("nobody/nothing")


@pytest.mark.parametrize("name", ["inceptoin", "/absent/directory", "a/b/c"])
def test_another_name_is_answered_with_those_there_are(name: str) -> None:
    with pytest.raises(ConfigError, match="choose one of tiny, inception, dinov2, clip, or give"):
        load_features(name)


def test_a_directory_of_something_else_is_refused(tmp_path: Path) -> None:
    save_looks(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ConfigError, match="is a bert; give a DINOv2 or a CLIP"):
        load_features(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "dinov2"}')
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_features(str(tmp_path))
    (tmp_path / "config.json").write_text("[")
    with pytest.raises(ConfigError, match="is not a JSON object"):
        load_features(str(tmp_path))
