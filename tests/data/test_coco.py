"""COCO's captions: several for each picture, pictures found near by or where it is said."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from minimagen.data.items import Rejection
from minimagen.data.sources import DataConfig, open_source
from minimagen.errors import DataError

CONTENT: dict[str, Any] = {
    "info": {"year": 2017},
    "images": [{"id": 7, "file_name": "000007.jpg"}, {"id": 9, "file_name": "000009.jpg"}],
    "annotations": [
        {"id": 1, "image_id": 9, "caption": "A dog."},
        {"id": 2, "image_id": 7, "caption": "A cat \n asleep."},
        {"id": 3, "image_id": 9, "caption": "A brown dog on grass."},
    ],
}


def annotations(root: Path, pictures: str, **changes: Any) -> Path:
    folder = root / pictures
    folder.mkdir(parents=True)
    for image in CONTENT["images"]:
        Image.new("RGB", (8, 8), "red").save(folder / image["file_name"])
    path = root / "annotations/captions_val2017.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(CONTENT | changes))
    return path


def config(path: Path, **changes: Any) -> DataConfig:
    return DataConfig(dataset=str(path), max_rejected=0.5, **changes)


@pytest.mark.parametrize("pictures", ["annotations", "val2017", "train2017", "images"])
def test_all_captions_of_pictures_near_by_are_read(tmp_path: Path, pictures: str) -> None:
    source, rejections = open_source(config(annotations(tmp_path, pictures)), check_size=8)
    assert [source.captions(i) for i in range(2)] == [
        ("A cat asleep.",),
        ("A dog.", "A brown dog on grass."),
    ]
    assert rejections == []


def test_pictures_elsewhere_are_named_by_the_user(tmp_path: Path) -> None:
    path = annotations(tmp_path, "far/away")
    with pytest.raises(DataError, match=r"000007.jpg is in none of .*--SET data.images=DIR"):
        open_source(config(path), check_size=8)
    source, _ = open_source(config(path, images=str(tmp_path / "far/away")), check_size=8)
    assert source.name(1) == "000009.jpg"


def test_a_picture_without_caption_is_left_out_and_listed(tmp_path: Path) -> None:
    path = annotations(tmp_path, "val2017", annotations=CONTENT["annotations"][:1])
    assert open_source(config(path), check_size=8)[1] == [Rejection("000007.jpg", "no caption")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"annotations": [{"image_id": 7, "bbox": [0, 0, 1, 1]}]},
            r"annotations\[0\] is .*caption",
        ),
        ({"annotations": {}}, "has no lists `images` and `annotations`"),
        ({"images": [{"id": 7}]}, r"images\[0\] is .* needs an id and a file_name"),
        ({"images": []}, "names no pictures"),
        ({"images": [CONTENT["images"][0], {"id": 9, "file_name": "../x.jpg"}]}, "outside"),
    ],
    ids=["boxes", "no-list", "no-name", "empty", "outside"],
)
def test_a_file_that_makes_no_sense_says_where(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(DataError, match=said) as caught:
        open_source(config(annotations(tmp_path, "val2017", **changes)), check_size=8)
    assert "\n" not in str(caught.value)
