"""Tar shards: read where they lie, by an index; what is wrong in one is named."""

import io
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minimagen.data import tar_index
from minimagen.data.items import Rejection, Source
from minimagen.data.shards import Section, expand
from minimagen.data.sources import DataConfig, open_source
from minimagen.data.tar_index import open_index
from minimagen.errors import DataError
from tests.data.hostile_server import picture
from tests.data.pictures_at_hand import add

Fill = Callable[[tarfile.TarFile], object]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIMAGEN_CACHE", str(tmp_path / "cache"))


def shard(path: Path, *fills: Fill) -> Path:
    """Write a shard of three good samples and what else is filled in between."""
    with tarfile.open(path, "w") as tar:
        sample(tar, "first")
        for fill in fills:
            fill(tar)
        sample(tar, "second")
        sample(tar, "third")
    return path


def sample(tar: tarfile.TarFile, key: str, caption: str = "a red wall") -> None:
    add(tar, f"{key}.png", picture())
    add(tar, f"{key}.txt", caption.encode())


def opened(dataset: object, **changes: Any) -> tuple[Source, list[Rejection]]:
    config = DataConfig(dataset=str(dataset), **({"max_rejected": 0.9} | changes))
    return open_source(config, check_size=16)


def names(source: Source) -> list[str]:
    return [source.name(i) for i in range(len(source))]


@pytest.mark.parametrize(
    ("pattern", "written_out"),
    [
        ("a.tar", ["a.tar"]),
        ("s-{08..11}.tar", ["s-08.tar", "s-09.tar", "s-10.tar", "s-11.tar"]),
        ("{a,b}/{1..2}.tar", ["a/1.tar", "a/2.tar", "b/1.tar", "b/2.tar"]),
    ],
)
def test_braces_are_written_out(pattern: str, written_out: list[str]) -> None:
    assert expand(pattern) == written_out


@pytest.mark.parametrize("pattern", ["{0..99999999}.tar", "{0..9999}{0..9999}.tar"])
def test_a_pattern_for_too_many_shards_is_refused_before_it_is_written_out(pattern: str) -> None:
    with pytest.raises(DataError, match="stands for over 1,000,000 shards"):
        expand(pattern)


def test_a_directory_of_shards_is_the_same_as_their_pattern(tmp_path: Path) -> None:
    for number in range(2):
        shard(tmp_path / f"s-{number}.tar")
    by_pattern, by_directory = opened(tmp_path / "s-{0..1}.tar")[0], opened(tmp_path)[0]
    assert names(by_pattern) == names(by_directory)
    assert names(by_pattern)[:3] == ["s-0.tar/first", "s-0.tar/second", "s-0.tar/third"]
    assert by_pattern.fingerprint == by_directory.fingerprint


def link(tar: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("link.png")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    tar.addfile(member)
    add(tar, "link.txt", b"a secret")


def twice(tar: tarfile.TarFile) -> None:
    sample(tar, "twice")
    sample(tar, "twice")


@pytest.mark.parametrize(
    ("fill", "name", "reason"),
    [
        (link, "link", "not a plain file in its tar"),
        (twice, "twice", "two files of one name in its tar"),
        (lambda tar: add(tar, "lone.png", picture()), "lone", "no caption"),
        (lambda tar: add(tar, "said.txt", b"words"), "said", "no picture in its tar"),
        (lambda tar: add(tar, "code.pyd", b"\x80\x04N."), "code", "no picture in its tar"),
    ],
    ids=["link", "twice", "no-caption", "no-picture", "pickle"],
)
def test_a_sample_that_makes_no_sense_is_a_rejection(
    tmp_path: Path, fill: Fill, name: str, reason: str
) -> None:
    source, rejections = opened(shard(tmp_path / "s.tar", fill))
    assert names(source) == ["s.tar/first", "s.tar/second", "s.tar/third"]
    assert rejections == [Rejection(f"s.tar/{name}", reason)]


@pytest.mark.parametrize(
    ("suffix", "content", "reason"),
    [
        ("txt", b"\xff\xfe", "caption is not UTF-8"),
        ("json", b"{", "its .json is not JSON"),
        ("json", b"[" * 100_000, "its .json is not JSON"),
        ("json", b'{"text": 3}', "its caption is not a string"),
        ("json", b'{"name": "x"}', "no caption"),
        ("cls", b"-1", "its class is not a number"),
        ("txt", b"x" * (2**20 + 1), "over 1 MiB in its tar"),
    ],
)
def test_a_caption_that_makes_no_sense_is_a_rejection(
    tmp_path: Path, suffix: str, content: bytes, reason: str
) -> None:
    def fill(tar: tarfile.TarFile) -> None:
        add(tar, "odd.png", picture())
        add(tar, f"odd.{suffix}", content)

    assert opened(shard(tmp_path / "s.tar", fill))[1] == [Rejection("s.tar/odd", reason)]


def test_names_that_lead_elsewhere_are_labels_and_nothing_is_written(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar", lambda tar: sample(tar, "../../escaped"))
    before = sorted(tmp_path.iterdir())
    assert "s.tar/../../escaped" in names(opened(path)[0])
    assert sorted(p for p in tmp_path.iterdir() if p.name != "cache") == before


@pytest.mark.parametrize(
    ("lost", "kept"),
    [(0, "first second third"), (1, "first second third"), (600, "first second"), (4700, "")],
    ids=["end-mark", "padding", "caption", "picture"],
)
def test_a_broken_tail_is_named_with_shard_and_offset_and_the_rest_is_used(
    tmp_path: Path, lost: int, kept: str
) -> None:
    """The bytes lost are counted from the end of the last caption, without the end mark."""
    path = shard(tmp_path / "s.tar")
    with tarfile.open(path) as tar:
        end = tar.getmembers()[-1].offset_data + 512
    path.write_bytes(path.read_bytes()[: end - lost])
    if not kept:
        with pytest.raises(DataError, match=r"no picture can be used: .*tar is broken from byte"):
            opened(path)
        return
    source, rejections = opened(path)
    assert names(source) == [f"s.tar/{key}" for key in kept.split()]
    [broken] = [item.reason for item in rejections if item.file_name == "s.tar"]
    at = int(broken.removeprefix("tar is broken from byte ").removesuffix(" on"))
    assert end - lost - 1024 <= at <= end


def test_noise_in_the_middle_does_not_end_a_shard_in_silence(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar")
    with tarfile.open(path) as tar:
        at = tar.getmembers()[2].offset
    content = bytearray(path.read_bytes())
    content[at : at + 512] = b"\xa5" * 512
    path.write_bytes(content)
    source, rejections = opened(path)
    assert names(source) == ["s.tar/first"]
    assert rejections == [Rejection("s.tar", f"tar is broken from byte {at} on")]


@pytest.mark.parametrize("content", [b"", b"no tar at all" * 100, b"\x1f\x8b\x08 gzip" * 100])
def test_what_is_no_tar_is_an_error_of_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.tar").write_bytes(content)
    with pytest.raises(DataError, match=r"s.tar: not an unpacked tar file .*\.tar$"):
        opened(tmp_path / "s.tar")


def test_captions_come_from_text_then_json_then_class(tmp_path: Path) -> None:
    def fill(tar: tarfile.TarFile) -> None:
        contents = {"txt": b"text", "json": b'{"text": ["x", "y"]}', "cls": b"1"}
        for place, key in enumerate("abc"):
            add(tar, f"{key}.png", picture())
            for suffix in list(contents)[place:]:
                add(tar, f"{key}.{suffix}", contents[suffix])

    path = shard(tmp_path / "s.tar", fill)
    with pytest.raises(DataError, match="has 2 classes, and 0 names are known"):
        opened(path)
    source = opened(path, class_names=("cat", "dog"))[0]
    said = {source.name(i).partition("/")[2]: source.captions(i) for i in range(len(source))}
    assert said["a"] == ("text",)
    assert said["b"] == ("x", "y")
    assert said["c"] == ("a photo of a dog",)


def test_an_index_is_built_once_and_again_when_its_shard_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Path] = []
    build = tar_index.build_index
    monkeypatch.setattr(
        tar_index, "build_index", lambda path, key: built.append(path) or build(path, key)
    )
    path = shard(tmp_path / "s.tar")
    assert [len(open_index(path)) for _ in range(2)] == [3, 3]
    assert len(built) == 1
    shard(path, lambda tar: sample(tar, "more"))
    assert len(open_index(path)) == 4
    assert len(built) == 2


def test_a_damaged_index_is_built_anew(tmp_path: Path) -> None:
    path = shard(tmp_path / "s.tar")
    open_index(path)
    [kept] = (tmp_path / "cache").rglob("*.npz")
    kept.write_bytes(kept.read_bytes()[:200])
    assert len(open_index(path)) == 3


def test_a_section_reads_like_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "whole").write_bytes(bytes(range(100)))
    section: Section = pickle.loads(pickle.dumps(Section(tmp_path / "whole", 10, 20)))
    own = io.BytesIO(bytes(range(10, 30)))
    with section.open("rb") as file:
        for place, whence, count in ((0, 0, 5), (3, 1, 4), (-5, 2, 9), (15, 0, -1), (25, 0, 3)):
            assert file.seek(place, whence) == own.seek(place, whence)
            assert file.read(count) == own.read(count)
    assert section.read_bytes() == own.getvalue()
