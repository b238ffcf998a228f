from pathlib import Path

import pytest
from PIL import Image

from minimagen.config import dump, parse
from minimagen.data.shapes import ShapesConfig
from minimagen.data.sources import DataConfig, open_source
from minimagen.errors import ConfigError


@pytest.mark.parametrize(("limit", "length"), [(None, 50), (7, 7), (70, 50)])
def test_shapes_are_opened_by_name_and_cut_by_a_limit(limit: int | None, length: int) -> None:
    config = DataConfig(shapes=ShapesConfig(size=50, variant="single"), limit=limit)
    source, rejections = open_source(config, check_size=16)
    assert (len(source), rejections) == (length, [])


def test_a_directory_is_opened_by_its_path(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), "red").save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("a red wall")
    source, _ = open_source(DataConfig(dataset=str(tmp_path)), check_size=16)
    assert source.captions(0) == ("a red wall",)
    assert source.picture(0, 4)[0, 0].tolist() == [255, 0, 0]


def test_a_configuration_survives_its_file() -> None:
    config = DataConfig(dataset="photos", shapes=ShapesConfig(size=3), max_rejected=0.3)
    assert parse(DataConfig, dump(config), "here") == config


@pytest.mark.parametrize("text", ['{"max_rejected": 1.5}', '{"cache_gb": -1}', '{"flop": true}'])
def test_impossible_parameters_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(DataConfig, text, "here")
