import pytest

from minimagen.errors import UsageError
from minimagen.text.captions import clean
from minimagen.text.prompts import Prompt, Weight, literal, read_prompt


def weighed(written: str) -> list[tuple[str, float]]:
    """Return the weighted words of a caption."""
    prompt = read_prompt(written)
    return [(prompt.text[w.start : w.end], pytest.approx(w.value)) for w in prompt.weights]


def test_a_number_after_a_colon_weighs_what_a_parenthesis_holds() -> None:
    assert read_prompt("a (red:1.4) circle") == Prompt("a red circle", (Weight(2, 5, 1.4),))


@pytest.mark.parametrize("number", ["0", "2", ".5", "2.", " 1.5 ", "10"])
def test_a_weight_is_a_number_from_0_to_10(number: str) -> None:
    assert weighed(f"(red:{number})") == [("red", float(number))]


def test_weights_inside_one_another_multiply() -> None:
    assert weighed("((red:1.2) circle:1.5) here") == [("red", 1.8), ("circle", 1.5)]


def test_a_weight_of_1_and_neighbours_of_one_weight_leave_no_trace() -> None:
    assert read_prompt("(a:1) ((red:2) circle:0.5)").weights == (Weight(6, 12, 0.5),)
    assert weighed("(red:2) (circle:2)") == [("red circle", 2)]


@pytest.mark.parametrize(
    "caption",
    [
        "a red circle",
        "a circle (red) on grey",
        "a photo (note: blurred) of a cat",
        "((nested)) (left",
        "right) :-)",
        "{braces} [brackets] a:b 10:30",
        "C:\\pictures\\x",
        "",
    ],
)
def test_parentheses_braces_and_colons_without_a_number_are_themselves(caption: str) -> None:
    assert read_prompt(caption) == literal(caption) == Prompt(clean(caption))


def test_a_backslash_takes_markup_as_itself() -> None:
    assert (
        read_prompt(r"a \(red:1.4\) \: \{x\|y\} \__c__ \\ z").text
        == r"a (red:1.4) : {x|y} __c__ \ z"
    )
    assert read_prompt(r"(3\:1:2)") == Prompt("3:1", (Weight(0, 3, 2.0),))


def test_literal_captions_are_as_training_takes_them() -> None:
    caption = "a (red:1.4)   {x|y} cafe\u0301"
    assert literal(caption) == Prompt(clean(caption))


def test_text_is_nfc_and_clean_and_weights_follow_it() -> None:
    prompt = read_prompt("  cafe\u0301 \t (re\nd  <b>x</b>:2) \x00 \ud800 ")
    assert prompt.text == clean(prompt.text) == "caf\u00e9 re d < b>x< /b> ?"
    assert [prompt.text[w.start : w.end] for w in prompt.weights] == ["re d < b>x< /b>"]


@pytest.mark.parametrize(
    ("caption", "character"),
    [
        ("a (red:1.x) circle", 8),
        ("a (red:) circle", 8),
        ("a (red:-1) circle", 8),
        ("a (red:11) circle", 8),
        ("a (red:1,4) circle", 8),
        ("a ((red:1.2) circle:..) x", 21),
        ("a (red:1.4 circle", 3),
        ("(at 10:30) a cat", 8),
    ],
)
def test_a_malformed_weight_is_one_line_that_names_the_character(
    caption: str, character: int
) -> None:
    with pytest.raises(UsageError, match=rf"character {character}: ") as error:
        read_prompt(caption)
    assert "\n" not in str(error.value)
    assert r"\(" in str(error.value)
