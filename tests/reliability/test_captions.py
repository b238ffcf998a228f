"""Whatever is written beside a picture trains, is left out and listed, or has its line named."""

import json
import logging
import os
from pathlib import Path

import pytest
from PIL import Image

import inference
from minimagen.data.items import Rejection, Source
from minimagen.data.sources import DataConfig, open_source
from minimagen.errors import DataError
from minimagen.text.cache import embed_captions
from minimagen.text.encoders import T5Config
from tests.tiny_runs import tiny_run

# What a text file holds, and the caption it is read as.
WRITTEN = {
    "plain": (b"a red circle\n", "a red circle"),
    "empty": (b"", ""),
    "white_space": (b" \t\r\n \n", ""),
    "long": (b"circle " * 10_000, ("circle " * 10_000).strip()),
    "byte_order_mark": (b"\xef\xbb\xbfa red circle", "a red circle"),
    "nul": (b"a\0red circle", "a red circle"),
    "right_to_left": ("عيون \u202eعين".encode(), "عيون \u202eعين"),
    "emoji": ("a 😀 👩‍👩‍👧 face".encode(), "a 😀 👩‍👩‍👧 face"),
    "end_of_sequence": (b"a </s> red circle", "a </s> red circle"),
    "padding": (b"<pad><pad>", "<pad><pad>"),
    "sentinel": (b"<extra_id_3> circle", "<extra_id_3> circle"),
}
# What a table's JSON may say, and the caption it is read as.
TABLED = {
    "null": (None, ""),
    "surrogate": ("half a pair \ud83d.", "half a pair ?."),
    "markup": ("</s></s><extra_id_0>", "</s></s><extra_id_0>"),
    "injection": ('"; DROP TABLE embeddings; --', '"; DROP TABLE embeddings; --'),
}


def picture(path: Path) -> None:
    Image.new("RGB", (16, 16), "red").save(path)


def opened(root: Path) -> tuple[Source, list[Rejection]]:
    return open_source(DataConfig(dataset=str(root), max_rejected=0.9), check_size=16)


def captions_of(source: Source) -> dict[str, str]:
    return {source.name(i): source.captions(i)[0] for i in range(len(source))}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Return a directory of pictures with awkward text files beside them."""
    root = tmp_path / "written"
    root.mkdir()
    for name, (content, _) in WRITTEN.items():
        picture(root / f"{name}.png")
        (root / f"{name}.txt").write_bytes(content)
    return root


@pytest.fixture
def tabled(tmp_path: Path) -> Path:
    """Return a directory of pictures with awkward captions in a table."""
    root = tmp_path / "tabled"
    root.mkdir()
    lines = []
    for name, (caption, _) in ({"plain": ("a red circle", "")} | TABLED).items():
        picture(root / f"{name}.png")
        lines.append(json.dumps({"file_name": f"{name}.png", "text": caption}))
    (root / "metadata.jsonl").write_text("\n".join(lines))
    return root


def test_text_files_are_read_as_what_they_say(written: Path) -> None:
    source, rejections = opened(written)
    assert captions_of(source) == {f"{name}.png": said for name, (_, said) in WRITTEN.items()}
    assert rejections == []


def test_a_missing_text_file_and_one_that_is_not_utf_8_are_left_out_and_listed(
    written: Path,
) -> None:
    (written / "plain.txt").unlink()
    (written / "nul.txt").write_bytes(b"a r\xf6d circle")
    source, rejections = opened(written)
    assert len(source) == len(WRITTEN) - 2
    assert set(rejections) == {
        Rejection("plain.png", "caption file is missing or cannot be read"),
        Rejection("nul.png", "caption is not UTF-8"),
    }


def test_a_table_s_captions_are_read_as_what_they_say(tabled: Path) -> None:
    captions = captions_of(opened(tabled)[0])
    assert captions.pop("plain.png") == "a red circle"
    assert captions == {f"{name}.png": said for name, (_, said) in TABLED.items()}


@pytest.mark.parametrize("caption", [3, ["a", 3], {"an": "object"}, True])
def test_a_caption_that_is_no_string_is_named_with_its_line(tabled: Path, caption: object) -> None:
    with (tabled / "metadata.jsonl").open("a") as table:
        table.write("\n" + json.dumps({"file_name": "plain.png", "text": caption}))
    with pytest.raises(DataError, match=r"metadata.jsonl line 6: text is .*; give a string"):
        opened(tabled)


def test_every_caption_is_embedded_and_only_empty_ones_are_null_text(
    written: Path, tabled: Path
) -> None:
    """No token that a caption spells out ends it: each mask is as long as its words ask for."""
    captions = [
        caption for root in (written, tabled) for caption in captions_of(opened(root)[0]).values()
    ]
    table = embed_captions(T5Config(), captions)
    text = table(captions)
    lengths = dict(zip(captions, text.mask.sum(dim=1).tolist(), strict=True))
    assert text.tokens.isfinite().all()
    assert {caption for caption, length in lengths.items() if length == 0} == {""}
    assert lengths["a </s> red circle"] > lengths["a red circle"]
    assert lengths[WRITTEN["long"][1]] == 64
    assert table.cut == 1


def test_a_run_on_them_ends_well_and_says_what_was_cut_and_what_is_null(
    written: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        run = tiny_run(tmp_path, 16, data={"dataset": str(written)}, images=2 * len(WRITTEN))
    said = (run / "training_progress.txt").read_text()
    assert "the run is complete" in said
    assert "captions: 1 longer than the encoder keeps, and cut" in said
    assert "2 of 11 captions are empty and train as null text" in said
    assert caplog.text.count("mostly unknown") <= 1


def test_a_prompt_never_becomes_a_file_name(tmp_path: Path) -> None:
    """Pictures are numbered: a nasty prompt is found in text fields and nowhere else."""
    run = tiny_run(tmp_path, 16)
    nasty = ["../../escaped", "CON a\0b \\:*?\n😀 half \udcff", "x" * 5000]
    before = everything_below(tmp_path)
    out = tmp_path / "out"
    for prompt in nasty:
        inference.infer(inference.parse(["-d", str(run), "-c", prompt, "-o", str(out)]))
    made = everything_below(tmp_path) - before
    drawn = sorted(path for path in made if path.suffix == ".png")
    assert len(drawn) == 2 * len(nasty)
    assert {path.name for path in drawn} == {"image_0.png", "grid.png"}
    assert {path.relative_to(tmp_path).parts[0] for path in made} == {"out"}
    assert all(os.path.commonpath([out, path.resolve()]) == str(out) for path in made)
    with Image.open(next(path for path in drawn if path.name == "image_0.png")) as image:
        assert image.text["caption"] == nasty[0]


def everything_below(root: Path) -> set[Path]:
    return set(root.rglob("*"))
