"""Parameter files are read strictly, and every complaint is one line that says what to do."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from minimagen.config import config, dump, find_parameters, parse, read_json, to_plain
from minimagen.errors import ConfigError


@config
class Inner:
    """A choice that says so."""

    kind: Literal["inner"] = "inner"
    learning_rate: float = 0.1


@config
class Other:
    """The other choice."""

    kind: Literal["other"] = "other"
    name: str = ""


@config
class Outer:
    """A configuration with everything in it."""

    steps: Annotated[int, Field(ge=1)]
    choice: Annotated[Inner | Other, Field(discriminator="kind")] = Inner()
    sizes: tuple[int, ...] = ()
    on: bool = False

    @model_validator(mode="after")
    def _sizes_are_even(self) -> "Outer":
        if any(size % 2 for size in self.sizes):
            raise ValueError("sizes must be even")
        return self


@given(
    steps=st.integers(1, 10**9),
    choice=st.one_of(
        st.builds(Inner, learning_rate=st.floats(allow_nan=False, allow_infinity=False)),
        st.builds(Other, name=st.text()),
    ),
    sizes=st.lists(st.integers(0, 99).map(lambda i: 2 * i)).map(tuple),
    on=st.booleans(),
)
def test_what_is_written_is_read_back(
    steps: int, choice: Inner | Other, sizes: tuple[int, ...], on: bool
) -> None:
    value = Outer(steps=steps, choice=choice, sizes=sizes, on=on)
    assert parse(Outer, dump(value), "here") == value


def test_a_plain_value_holds_every_key_and_what_chooses() -> None:
    assert to_plain(Outer(steps=1)) == {
        "steps": 1,
        "choice": {"kind": "inner", "learning_rate": 0.1},
        "sizes": [],
        "on": False,
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"steps": 1, "sise": [2]}', "unknown key sise; did you mean 'sizes'?"),
        ('{"steps": 1, "qqqqqqq": 2}', "unknown key qqqqqqq; remove it"),
        ('{"steps": 1, "choice": {"kind": "inner", "lerning_rate": 1}}', "'learning_rate'?"),
        ("{}", "steps is missing"),
        ('{"steps": 0}', "steps is 0: input should be greater than or equal to 1"),
        ('{"steps": "1"}', 'steps is "1": input should be a valid integer'),
        ('{"steps": 1.5}', "steps is 1.5"),
        ('{"steps": true}', "steps is true"),
        ('{"steps": 1, "on": 1}', "on is 1: input should be a valid boolean"),
        ('{"steps": 1, "choice": {"kind": "inner", "learning_rate": NaN}}', "finite number"),
        ('{"steps": 1, "choice": {"kind": "inner", "learning_rate": Infinity}}', "finite number"),
        ('{"steps": 1, "choice": {"kind": "innner"}}', "'inner', 'other'"),
        ('{"steps": 1, "choice": {}}', "kind"),
        ('{"steps": 1, "sizes": [2, 3]}', "sizes must be even"),
        ("[1]", "the whole file is [1]"),
        ('{"steps": 1', "the whole file"),
        ("", "the whole file"),
    ],
)
def test_a_complaint_is_one_line_with_the_file_and_the_key(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(Outer, text, "unet_0_params.json")
    message = str(caught.value)
    assert message.startswith("unet_0_params.json: ")
    assert complaint in message
    assert "\n" not in message


def test_a_long_value_is_cut_in_a_complaint() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(Outer, '{"steps": "' + "x" * 10_000 + '"}', "here")
    assert len(str(caught.value)) < 200


def test_configurations_are_frozen_and_keyword_only() -> None:
    with pytest.raises(AttributeError):
        Inner().learning_rate = 0.2  # type: ignore[misc]
    with pytest.raises(ValueError, match=r"Unexpected positional argument"):
        Inner("inner")  # type: ignore[call-arg, misc]


def touched(directory: Path, *names: str) -> Path:
    """Make empty files in a directory."""
    for name in names:
        (directory / name).touch()
    return directory


def test_the_plain_name_is_found_first(tmp_path: Path) -> None:
    touched(tmp_path, "unet_0_params.json", "unet_0_params_20261121_101500.json")
    assert find_parameters(tmp_path, "unet_0_params").name == "unet_0_params.json"


def test_a_timestamp_may_follow_the_name(tmp_path: Path) -> None:
    touched(tmp_path, "unet_0_params_20261121_101500.json", "unet_1_params_20261121_101500.json")
    found = find_parameters(tmp_path, "unet_0_params")
    assert found.name == "unet_0_params_20261121_101500.json"


def test_two_candidates_are_named(tmp_path: Path) -> None:
    touched(tmp_path, "unet_0_params_1.json", "unet_0_params_2.json")
    with pytest.raises(
        ConfigError, match=r"unet_0_params_1.json, unet_0_params_2.json .* keep one"
    ):
        find_parameters(tmp_path, "unet_0_params")


def test_no_candidate_is_named_by_the_path_it_should_have(tmp_path: Path) -> None:
    touched(tmp_path, "unet_10_params.json")
    with pytest.raises(ConfigError, match=r"unet_1_params.json: no such file"):
        find_parameters(tmp_path, "unet_1_params")


def test_a_missing_directory_names_the_flag(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere: no such directory; -p names"):
        find_parameters(tmp_path / "nowhere", "imagen_params")


def test_what_cannot_be_read_as_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff\xfe{\x00")
    for path in (tmp_path / "a.json", tmp_path / "none.json", tmp_path):
        with pytest.raises(ConfigError, match=r"cannot be read .* bring a JSON file in UTF-8"):
            read_json(path)
