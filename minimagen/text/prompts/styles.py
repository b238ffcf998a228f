"""Styles: captions with a slot, ``{}, oil on canvas``, that other captions are put into."""

import json
from collections.abc import Mapping
from pathlib import Path

from minimagen.errors import DataError, UsageError

SLOT = "{}"


def read_styles(path: Path) -> dict[str, str]:
    """Read a JSON object of styles by name; each holds the slot ``{}`` once.

    Raises:
        DataError: when the file is no such thing.
    """
    try:
        styles = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(
            f"--STYLES {path}: cannot be read ({error.strerror}); name a JSON file of styles"
        ) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"--STYLES {path}: cannot be read as JSON ({error})") from None
    if not isinstance(styles, dict) or not styles:
        raise DataError(f'--STYLES {path}: holds no style; write {{"oil": "{{}}, oil on canvas"}}')
    for name, style in styles.items():
        if not isinstance(style, str) or style.count(SLOT) != 1:
            raise DataError(
                f"--STYLES {path}: style {name!r} is {style!r}; write a text that holds {{}} once"
            )
    return styles


def in_style(caption: str, name: str, styles: Mapping[str, str]) -> str:
    """Put a caption into the slot of a style.

    Raises:
        UsageError: when there is no style of this name.
    """
    if name not in styles:
        raise UsageError(f"--STYLE {name}: no such style; there are {', '.join(styles)}")
    return styles[name].replace(SLOT, caption)
