from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from torch import Tensor

from minimagen.data.items import Picture, RejectedItem
from minimagen.data.shapes import ShapesConfig, ShapesSource
from minimagen.errors import DataError
from minimagen.evaluation.features import features_of
from minimagen.evaluation.references import FEATURES, STATISTICS, real_pictures, reference_of
from minimagen.evaluation.statistics import Statistics

SOURCE = ShapesSource(ShapesConfig(size=120))


@dataclass
class Colours:
    """Sees the mean colour, and counts what it was shown."""

    name: str = "colours"
    width: int = 3
    identity: str = "mean colours"
    shown: list[int] = field(default_factory=list)

    def __call__(self, images: Tensor) -> Tensor:
        self.shown.append(len(images))
        return images.mean(dim=(2, 3))


class HalfReadable(ShapesSource):
    """Scenes of which every other one cannot be read any more."""

    def picture(self, index: int, shape: object) -> Picture:
        if index % 2:
            raise RejectedItem("cannot be read")
        return super().picture(index, shape)  # type: ignore[arg-type]


def test_it_is_of_the_pictures_asked_for(tmp_path: Path) -> None:
    some = list(range(10, 80))
    found = reference_of(SOURCE, some, 16, Colours(), directory=tmp_path)
    features = features_of(Colours(), real_pictures(SOURCE, some, 16))
    expected = Statistics.of(features)
    assert found.statistics.count == 70
    assert torch.allclose(found.statistics.mean, expected.mean)
    assert torch.allclose(found.statistics.covariance, expected.covariance)
    assert sorted(found.indices.tolist()) == some
    assert torch.equal(found.features, features[found.indices - 10])


def test_what_was_looked_at_once_is_read_again(tmp_path: Path) -> None:
    network, told = Colours(), []
    first = reference_of(SOURCE, range(60), 16, network, told=told.append, directory=tmp_path)
    assert sum(network.shown) == sum(told) == 60
    again = reference_of(SOURCE, range(60), 16, network, told=told.append, directory=tmp_path)
    assert sum(network.shown) == sum(told) == 60
    assert torch.equal(first.features, again.features)
    assert torch.equal(first.statistics.covariance, again.statistics.covariance)


OTHERS = {
    "pictures": (SOURCE, range(59), 16, "mean colours"),
    "data": (ShapesSource(ShapesConfig(size=120, seed=1)), range(60), 16, "mean colours"),
    "size": (SOURCE, range(60), 17, "mean colours"),
    "network": (SOURCE, range(60), 16, "other weights"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_anything_else_is_another_reference(what: str, tmp_path: Path) -> None:
    reference_of(SOURCE, range(60), 16, Colours(), directory=tmp_path)
    source, indices, size, identity = OTHERS[what]
    network = Colours(identity=identity)
    reference_of(source, indices, size, network, directory=tmp_path)
    assert sum(network.shown) == len(indices)


@pytest.mark.parametrize("file", [STATISTICS, FEATURES])
def test_a_damaged_file_is_made_anew(file: str, tmp_path: Path) -> None:
    first = reference_of(SOURCE, range(20), 16, Colours(), directory=tmp_path)
    [path] = tmp_path.glob(f"references/*/{file}")
    path.write_bytes(path.read_bytes()[:-5])
    again = reference_of(SOURCE, range(20), 16, network := Colours(), directory=tmp_path)
    assert sum(network.shown) == 20
    assert torch.equal(first.features, again.features)


def test_without_a_place_to_keep_it_it_is_measured_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    found = reference_of(SOURCE, range(5), 16, Colours(), directory=tmp_path / "file")
    assert found.statistics.count == 5
    assert "is not kept" in caplog.text


def test_pictures_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    source = HalfReadable(SOURCE.config)
    found = reference_of(source, range(20), 16, Colours(), directory=tmp_path)
    assert sorted(found.indices.tolist()) == list(range(0, 20, 2))
    with pytest.raises(DataError, match="no picture of the data set can be read"):
        reference_of(source, [1, 3], 16, Colours(), directory=tmp_path)


@pytest.mark.parametrize("counts", [[7], [50, 50], [1, 120]])
def test_a_network_is_shown_few_pictures_at_a_time(counts: Sequence[int]) -> None:
    network = Colours()
    found = features_of(network, (torch.zeros(count, 3, 4, 4) for count in counts))
    assert found.shape == (sum(counts), 3)
    assert max(network.shown) <= 50


def test_no_pictures_have_no_features() -> None:
    assert features_of(Colours(), []).shape == (0, 3)
