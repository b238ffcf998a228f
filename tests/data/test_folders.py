import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from minimagen.data.captions import clean_caption
from minimagen.data.items import Rejection, Source
from minimagen.data.sources import DataConfig, open_source
from minimagen.errors import DataError

Fill = Callable[[Path], None]


def picture(path: Path, side: int = 16, colour: str = "red") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), colour).save(path)


def text(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def opened(root: Path, **changes: Any) -> tuple[Source, list[Rejection]]:
    return open_source(DataConfig(dataset=str(root), **changes), check_size=16)


def items(source: Source) -> dict[str, str]:
    return {source.name(i): source.captions(i)[0] for i in range(len(source))}


def complaint(root: Path, **changes: Any) -> str:
    with pytest.raises(DataError) as caught:
        opened(root, **changes)
    message = str(caught.value)
    assert "\n" not in message
    return message


def as_jsonl(root: Path) -> None:
    rows = [{"file_name": "a.png", "text": "one"}, {"file_name": "sub/b.png", "caption": "two"}]
    text(root / "metadata.jsonl", "\n\n".join(map(json.dumps, rows)) + "\n")


def as_csv(root: Path) -> None:
    text(root / "metadata.csv", '\ufefffile_name,text\na.png,one\nsub/b.png,"two"\n')


def as_text_beside(root: Path) -> None:
    text(root / "a.txt", "one\n")
    text(root / "sub/b.txt", "\ufefftwo")


@pytest.mark.parametrize("fill", [as_jsonl, as_csv, as_text_beside])
def test_each_layout_pairs_pictures_with_captions(tmp_path: Path, fill: Fill) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "sub/b.png", colour="blue")
    fill(tmp_path)
    source, rejections = opened(tmp_path)
    assert items(source) == {"a.png": "one", "sub/b.png": "two"}
    assert rejections == []
    assert source.picture(1, 8)[0, 0].tolist() == [0, 0, 255]


def test_images_and_captions_may_lie_side_by_side(tmp_path: Path) -> None:
    for name in ("x", "deep/y"):
        picture(tmp_path / f"images/{name}.JPG")
        text(tmp_path / f"captions/{name}.txt", f"a {name}")
    source, _ = opened(tmp_path)
    assert items(source) == {"images/deep/y.JPG": "a deep/y", "images/x.JPG": "a x"}


def test_layouts_have_an_order_of_precedence(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png")
    captions = {
        "captions/a.txt": "third",
        "images/a.txt": "second",
        "metadata.csv": "file_name,text\nimages/a.png,first in csv\n",
        "metadata.jsonl": '{"file_name": "images/a.png", "text": "first"}',
    }
    for place, wanted in zip(captions, ("third", "second", "first in csv", "first"), strict=True):
        text(tmp_path / place, captions[place])
        assert list(items(opened(tmp_path)[0]).values()) == [wanted]


def test_hidden_files_are_left_out(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.txt", "one")
    picture(tmp_path / ".cache/b.png")
    text(tmp_path / "._a.png", "a Mac's other half")
    assert items(opened(tmp_path)[0]) == {"a.png": "one"}


def test_unusable_items_are_left_out_with_their_reasons(tmp_path: Path) -> None:
    for name in "abcdefgh":
        picture(tmp_path / f"{name}.png")
        text(tmp_path / f"{name}.txt", f"picture {name}")
    text(tmp_path / "b.png", b"")
    text(tmp_path / "c.txt", b"\xff\xfe\xfa")
    (tmp_path / "d.txt").unlink()
    text(tmp_path / "e.svg", "<svg/>")
    text(tmp_path / "e.txt", "picture e")
    source, rejections = opened(tmp_path, max_rejected=0.5)
    assert list(items(source)) == ["a.png", "e.png", "f.png", "g.png", "h.png"]
    assert {r.file_name: r.reason for r in rejections} == {
        "b.png": "file is empty",
        "c.png": "caption is not UTF-8",
        "d.png": "caption file is missing or cannot be read",
        "e.svg": "not an image of a known kind (JPEG, PNG, WEBP, GIF, BMP, TIFF)",
    }


def test_too_many_unusable_items_end_the_run_with_reasons_and_a_way_out(tmp_path: Path) -> None:
    for place in range(8):
        picture(tmp_path / f"{place}.png")
        text(tmp_path / f"{place}.txt", "a picture")
    for place in range(2):
        text(tmp_path / f"{place}.png", b"no")
    said = complaint(tmp_path)
    assert "25% of the items are unusable, more than 10%" in said
    assert "not an image of a known kind" in said
    assert "(2)" in said
    assert said.endswith("--SET data.max_rejected=0.3")
    assert len(opened(tmp_path, max_rejected=0.3)[0]) == 6


def test_the_pictures_themselves_are_decoded_not_only_their_headers(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", side=64)
    text(tmp_path / "a.png", (tmp_path / "a.png").read_bytes()[:-30])
    text(tmp_path / "a.txt", "cut off")
    assert "no picture can be used: damaged or truncated image file (1)" in complaint(tmp_path)


def test_small_pictures_and_empty_captions_are_said(tmp_path: Path) -> None:
    for name, side, caption in (("a", 8, "one"), ("b", 16, " \n"), ("c", 20, "three")):
        picture(tmp_path / f"{name}.png", side)
        text(tmp_path / f"{name}.txt", caption)
    source, _ = opened(tmp_path)
    assert items(source)["b.png"] == ""
    assert source.notes[1:] == (
        "1 of 3 pictures are under 16 px and are enlarged",
        "1 of 3 captions are empty and train as null text",
    )


def test_a_limit_takes_the_first_items(tmp_path: Path) -> None:
    for name in "cab":
        picture(tmp_path / f"{name}.png")
        text(tmp_path / f"{name}.txt", name)
    assert list(items(opened(tmp_path, limit=2)[0])) == ["a.png", "b.png"]


def test_a_table_may_say_null_and_name_a_picture_that_is_missing(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    rows = [("a.png", None), ("a.png", "again"), ("b.png", "gone")]
    lines = [json.dumps({"file_name": name, "text": caption}) for name, caption in rows]
    text(tmp_path / "metadata.jsonl", "\n".join(lines))
    source, rejections = opened(tmp_path, max_rejected=0.5)
    assert [source.captions(i)[0] for i in range(len(source))] == ["", "again"]
    assert rejections == [Rejection("b.png", "file is missing")]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  two\nlines\t here ", "two lines here"),
        (None, ""),
        ("nul\0byte", "nul byte"),
        ("half a pair \ud83d.", "half a pair ?."),
        ("red \u0645\u0631\u0628\u0639 \U0001f600", "red \u0645\u0631\u0628\u0639 \U0001f600"),
        ("word " * 10_000, ("word " * 10_000).strip()),
    ],
)
def test_captions_become_one_line_that_encoders_can_read(raw: str | None, clean: str) -> None:
    assert clean_caption(raw) == clean
    clean.encode()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("jsonl", '{"file_name": "a.png", "text": "x"}\n{"file_name": ', "line 2: not JSON"),
        ("jsonl", '{"file_name": "a.png", "text": "x"}\n\n[1]', "line 3: has no keys; needs"),
        ("jsonl", '{"file": "a.png", "text": "x"}', "line 1: has file, text; needs file_name"),
        ("jsonl", '{"file_name": 3, "text": "x"}', "line 1: file_name is 3"),
        ("jsonl", '{"file_name": "a.png", "text": [3]}', "line 1: text is [3]; give a string"),
        ("jsonl", '{"file_name": "../a.png", "text": "x"}', "line 1: '../a.png' lies outside"),
        (
            "jsonl",
            '{"file_name": "/etc/passwd", "text": "x"}',
            "line 1: '/etc/passwd' lies outside",
        ),
        ("jsonl", b'{"file_name": "a.png", "text": ""}\n\xff\xfe', "line 2: not UTF-8"),
        ("jsonl", "", "is empty"),
        ("jsonl", "[" * 100_000, "line 1: not JSON"),
        ("csv", "", "is empty"),
        ("csv", "file_name,text\n", "is empty"),
        ("csv", "name,text\na.png,x\n", "line 2: has name, text; needs file_name"),
        ("csv", "file_name,text\na.png,red, round\n", "line 2: 3 cells under 2 headings"),
        ("csv", "file_name,text\na.png,x\na.png\n", "line 3: 1 cells under 2 headings"),
        ("csv", 'file_name,text\na.png,"x\n', "not CSV"),
    ],
)
def test_a_table_that_makes_no_sense_is_named_with_its_line(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / f"metadata.{name}", content)
    message = complaint(tmp_path)
    assert f"metadata.{name}" in message
    assert said in message


def only_pictures(root: Path) -> None:
    picture(root / "a.png")


def only_empty_captions(root: Path) -> None:
    picture(root / "a.png")
    text(root / "a.txt", "\n")


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        (lambda root: None, "holds no pictures"),
        (only_pictures, "1 pictures but no captions; bring metadata.jsonl"),
        (only_empty_captions, "every caption is empty"),
        (lambda root: root.rmdir(), "does not exist; give `shapes`, `digits`, a directory"),
        (lambda root: (root.rmdir(), root.write_text("")), "is of no known kind; give `shapes`"),
    ],
    ids=["empty", "no-captions", "empty-captions", "missing", "file"],
)
def test_a_directory_with_nothing_to_train_on_is_an_error_of_one_line(
    tmp_path: Path, fill: Fill, said: str
) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    fill(root)
    message = complaint(root)
    assert message.startswith(str(root))
    assert said in message


def test_a_link_out_of_the_directory_is_refused_in_a_table(tmp_path: Path) -> None:
    picture(tmp_path / "secret.png")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/a.png").symlink_to(tmp_path / "secret.png")
    text(tmp_path / "root/metadata.jsonl", '{"file_name": "a.png", "text": "x"}')
    assert "lies outside" in complaint(tmp_path / "root")


def test_the_fingerprint_follows_names_sizes_and_captions(tmp_path: Path) -> None:
    def fingerprint() -> str:
        return opened(tmp_path)[0].fingerprint

    picture(tmp_path / "a.png")
    text(tmp_path / "a.txt", "one")
    seen = [fingerprint()]
    assert fingerprint() == seen[0]
    text(tmp_path / "a.txt", "two")
    seen.append(fingerprint())
    picture(tmp_path / "a.png", side=64)
    seen.append(fingerprint())
    (tmp_path / "a.png").rename(tmp_path / "b.png")
    (tmp_path / "a.txt").rename(tmp_path / "b.txt")
    seen.append(fingerprint())
    assert len(set(seen)) == 4


def test_the_fingerprint_of_single_captions_is_what_the_first_version_recorded(
    tmp_path: Path,
) -> None:
    """Runs that are continued compare with it: sha256 of name, size and caption, row by row."""
    digest = hashlib.sha256()
    for name, caption in (("a.png", "one"), ("sub/b.png", "zwölf")):
        picture(tmp_path / name)
        text((tmp_path / name).with_suffix(".txt"), caption)
        row = (name, (tmp_path / name).stat().st_size, caption)
        digest.update(json.dumps(row).encode())
    assert opened(tmp_path)[0].fingerprint == digest.hexdigest()


def test_the_fingerprint_follows_each_of_several_captions(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    seen = set()
    for captions in (["one", "two"], ["two", "one"], ["one"], ["one", "two", "three"]):
        row = {"file_name": "a.png", "text": captions}
        text(tmp_path / "metadata.jsonl", json.dumps(row))
        seen.add(opened(tmp_path)[0].fingerprint)
    assert len(seen) == 4
