from pathlib import Path

import pytest

from minimagen.errors import DataError, UsageError
from minimagen.text.prompts import expand_all, expand_one, read_lists


def test_all_choices_make_every_caption_the_last_running_fastest() -> None:
    assert expand_all("a {red|blue} {circle|square}") == [
        "a red circle",
        "a red square",
        "a blue circle",
        "a blue square",
    ]


def test_choices_hold_choices_and_may_be_empty() -> None:
    assert expand_all("{a {red|blue}|no|} circle") == [
        "a red circle",
        "a blue circle",
        "no circle",
        " circle",
    ]


@pytest.mark.parametrize(
    "caption", ["a {red} circle", "{}", "{ open", "close } a | b", r"\{red|blue\}", "f{x} = {{y}}"]
)
def test_braces_without_a_choice_are_themselves(caption: str) -> None:
    assert expand_all(caption) == [caption]
    assert expand_one(caption, 0) == caption


def test_a_choice_that_is_never_closed_names_its_character() -> None:
    with pytest.raises(UsageError, match="character 3: a choice that is never closed"):
        expand_all("a {red|blue circle")


def test_one_choice_follows_from_its_key_and_every_one_is_met() -> None:
    """60 keys miss one of six captions with a chance of 6 (5/6)^60 = 1e-4; they are fixed."""
    written = "{red|blue} {circle|square|ring}"
    drawn = [expand_one(written, 3, number) for number in range(60)]
    assert drawn == [expand_one(written, 3, number) for number in range(60)]
    assert set(drawn) == set(expand_all(written))
    assert drawn != [expand_one(written, 4, number) for number in range(60)]


def test_too_many_captions_are_refused_before_they_are_made() -> None:
    with pytest.raises(UsageError, match="make 100000000000000000000 captions"):
        expand_all("{0|1|2|3|4|5|6|7|8|9}" * 20)
    assert len(expand_one("{0|1|2|3|4|5|6|7|8|9}" * 20, 0)) == 20


def test_lists_stand_for_choices(tmp_path: Path) -> None:
    (tmp_path / "colour.txt").write_text("red\n\n  blue \n", encoding="utf-8")
    (tmp_path / "shape.txt").write_text("ring", encoding="utf-8")
    lists = read_lists(tmp_path)
    assert expand_all("a __colour__ __shape__", lists) == ["a red ring", "a blue ring"]
    assert expand_all(r"\__colour__", lists) == [r"\__colour__"]
    assert expand_all("__colour__") == ["__colour__"]
    with pytest.raises(UsageError, match="no list __size__; there are colour, shape"):
        expand_all("a __size__", lists)


def test_lists_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no NAME.txt"):
        read_lists(tmp_path)
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(DataError, match=r"empty.txt: holds no choice"):
        read_lists(tmp_path)
