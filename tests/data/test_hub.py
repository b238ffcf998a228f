"""Data sets of the package ``datasets``: saved ones are read, absent ones are one line."""

from pathlib import Path
from typing import Any

import pytest

from minimagen.data.items import Rejection, Source
from minimagen.data.sources import DataConfig, open_source
from minimagen.errors import DataError
from tests.data.hostile_server import picture

datasets = pytest.importorskip("datasets")


def saved(root: Path, content: dict[str, list[Any]], **features: Any) -> Path:
    made = datasets.Dataset.from_dict(content)
    for name, kind in features.items():
        made = made.cast_column(name, kind)
    made.save_to_disk(root)
    return root


def pictures(*contents: bytes | None) -> list[dict[str, Any] | None]:
    return [None if content is None else {"bytes": content, "path": None} for content in contents]


def opened(dataset: object, **changes: Any) -> tuple[Source, list[Rejection]]:
    config = DataConfig(dataset=str(dataset), max_rejected=0.9, **changes)
    return open_source(config, check_size=16)


def test_classes_of_a_saved_data_set_become_captions(tmp_path: Path) -> None:
    content = {"img": pictures(picture(), picture()), "label": [1, 0]}
    labels = datasets.ClassLabel(names=["cat", "big_dog"])
    root = saved(tmp_path / "s", content, img=datasets.Image(), label=labels)
    source, _ = opened(root)
    assert [source.captions(i) for i in range(2)] == [
        ("a photo of a big dog",),
        ("a photo of a cat",),
    ]


def test_rows_that_cannot_be_used_are_rejections(tmp_path: Path) -> None:
    """The bytes go through the project's own decoder, whatever the data set calls a picture."""
    content = {"image": pictures(picture(), b"<html>", None, b""), "text": ["a", "b", "c", None]}
    source, rejections = opened(saved(tmp_path / "s", content, image=datasets.Image()))
    assert (len(source), source.captions(0)) == (1, ("a",))
    assert [(item.file_name, item.reason[:12]) for item in rejections] == [
        ("row 1", "not an image"),
        ("row 2", "no picture"),
        ("row 3", "file is empt"),
    ]


def test_a_split_is_chosen_by_name(tmp_path: Path) -> None:
    def split(said: str) -> Any:
        made = datasets.Dataset.from_dict({"image": pictures(picture()), "text": [said]})
        return made.cast_column("image", datasets.Image())

    root = tmp_path / "s"
    datasets.DatasetDict({"train": split("first"), "test": split("second")}).save_to_disk(root)
    assert opened(root)[0].captions(0) == ("first",)
    assert opened(f"hf:{root}?split=test")[0].captions(0) == ("second",)
    with pytest.raises(DataError, match="has no split dev; it has train, test"):
        opened(f"hf:{root}?split=dev")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"text": ["a"]}, "has columns text, none of pictures"),
        ({"image": [{"bytes": b"", "path": None}], "story": ["a"]}, "--SET data.caption_key=NAME"),
    ],
)
def test_missing_columns_are_said_with_those_there_are(
    tmp_path: Path, content: dict[str, list[Any]], said: str
) -> None:
    features = {"image": datasets.Image()} if "image" in content else {}
    with pytest.raises(DataError, match=said):
        opened(saved(tmp_path / "s", content, **features))


def test_the_column_of_captions_may_be_named(tmp_path: Path) -> None:
    content = {"image": pictures(picture()), "story": [["a", "b"]]}
    root = saved(tmp_path / "s", content, image=datasets.Image())
    assert opened(root, caption_key="story")[0].captions(0) == ("a", "b")


@pytest.mark.parametrize("name", ["hf:nobody/nothing", "hf:nothing:small?split=train"])
def test_what_is_not_here_and_cannot_be_fetched_is_an_error_of_one_line(name: str) -> None:
    """The tests run with HF_HUB_OFFLINE."""
    with pytest.raises(DataError, match=f"^{name.replace('?', '.')}: cannot be had") as caught:
        opened(name)
    assert "\n" not in str(caught.value)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(DataError, match=r"unknown option in \?part=train"):
        opened("hf:mnist?part=train")
