import pytest

from minimagen.text.captions import clean


@pytest.mark.parametrize(
    ("caption", "cleaned"),
    [
        ("a red circle", "a red circle"),
        ("", ""),
        (" \t\n ", ""),
        ("a  red\ncircle ", "a red circle"),
        ("a\x00b", "a b"),
        ("a \ud800 b", "a ? b"),
        ("</s>", "< /s>"),
        ("<extra_id_0><pad>", "< extra_id_0>< pad>"),
        ("<<0x41>>", "<< 0x41>>"),
        ("1 < 2 > 0", "1 < 2 > 0"),
        ("שלום 😀", "שלום 😀"),
    ],
)
def test_a_caption_is_made_safe_and_otherwise_left_alone(caption: str, cleaned: str) -> None:
    assert clean(caption) == cleaned


def test_cleaning_twice_is_cleaning_once() -> None:
    caption = "<a> \x07 <<b>> \udfff </s></s>"
    assert clean(clean(caption)) == clean(caption)
