"""Inception without its weights: the layers are those of the files, the two poolings differ."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from minimagen.errors import ConfigError
from minimagen.evaluation.features import ClassifyingNetwork, load_features
from minimagen.evaluation.features.inception import WIDTH, Inception, load_inception


def test_it_has_as_many_weights_as_the_published_one() -> None:
    """23,834,568 are told of torchvision's without the auxiliary head, which training used."""
    with torch.device("meta"):
        network = Inception(1000)
    assert sum(each.numel() for each in network.parameters()) == 23_834_568
    names = set(network.state_dict())
    assert {"Conv2d_1a_3x3.conv.weight", "Mixed_7c.branch3x3dbl_3b.bn.running_var"} < names


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Write weights as the two kinds of files hold them."""
    place = tmp_path_factory.mktemp("inception")
    torch.manual_seed(0)
    fid, own = (Inception(classes).state_dict() for classes in (1008, 1000))
    torch.save({k: v for k, v in fid.items() if "num_batches" not in k}, place / "fid.pth")
    save_file({**own, "AuxLogits.fc.bias": torch.zeros(1000)}, place / "own.safetensors")
    return {1008: place / "fid.pth", 1000: place / "own.safetensors"}


@pytest.mark.slow
@pytest.mark.parametrize("classes", [1008, 1000])
def test_both_layouts_load_and_see(classes: int, files: dict[int, Path]) -> None:
    network = load_features(str(files[classes]))
    assert isinstance(network, ClassifyingNetwork)
    assert network.width == WIDTH
    assert ("torchvision" in network.name) == (classes == 1000)
    images = torch.rand(1, 3, 64, 64) * 2 - 1
    features, seen = network(images), network.probabilities(images)
    assert features.shape == (1, WIDTH)
    assert features.isfinite().all()
    assert seen.shape == (1, classes)
    assert seen.sum().item() == pytest.approx(1, abs=1e-4)


def test_missing_weights_are_asked_for_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIMAGEN_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=r"no weights on this machine; bring weights-inception"):
        load_features("inception")


class Trap:
    """Would run when a pickle of it is opened carelessly."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("sprung"),)


@pytest.mark.parametrize("content", [b"", b"text", {"fc.weight": torch.zeros(2, 2)}, [1], Trap()])
def test_another_file_is_refused_in_one_line(
    content: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "wrong.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(ConfigError, match=r"wrong\.pth: .*bring weights-inception") as caught:
        load_inception(path)
    assert "\n" not in str(caught.value)
    assert not Path("sprung").exists()
