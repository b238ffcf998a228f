from pathlib import Path

import pytest

from minimagen.errors import DataError, UsageError
from minimagen.text.prompts import in_style, read_styles


def test_a_caption_goes_into_the_slot(tmp_path: Path) -> None:
    (tmp_path / "styles.json").write_text('{"oil": "{}, oil on canvas"}', encoding="utf-8")
    styles = read_styles(tmp_path / "styles.json")
    assert in_style("a {red|blue} cat", "oil", styles) == "a {red|blue} cat, oil on canvas"
    with pytest.raises(UsageError, match="--STYLE ink: no such style; there are oil"):
        in_style("a cat", "ink", styles)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "cannot be read as JSON"),
        ("[]", "holds no style"),
        ('{"oil": "oil"}', "holds {} once"),
        ('{"oil": "{} {}"}', "holds {} once"),
        ('{"oil": 1}', "holds {} once"),
    ],
)
def test_a_file_that_holds_no_styles_says_why(tmp_path: Path, content: str, what: str) -> None:
    (tmp_path / "styles.json").write_text(content)
    with pytest.raises(DataError, match=what):
        read_styles(tmp_path / "styles.json")


def test_a_file_that_is_not_there_is_not_called_bad_json(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read \(No such file or directory\); name a"):
        read_styles(tmp_path / "nothing.json")
