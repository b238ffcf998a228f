"""Packages that only some kinds of data set need, imported when one is opened."""

import importlib
from typing import Any

from minimagen.errors import DataError


def required(module: str, extra: str, what: str) -> Any:
    """Import an optional package.

    Args:
        module: its name.
        extra: the extra of this project that brings it.
        what: what needs it, for the error.

    Raises:
        DataError: naming the extra, when the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise DataError(
            f"{what} needs the package {package}; install it with: pip install 'minimagen[{extra}]'"
        ) from None
