"""How a flag is declared: once, with both spellings, its unit, its default and its group.

``--BATCH_SIZE`` and ``--batch-size`` mean the same. So do ``--batch_size`` and the names that other
programs have for it, which the help leaves out. A flag that was not given is None, so that a
parameter file can be told from a command line.
"""

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from minimagen.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class Flag:
    """One flag of a command line.

    Args:
        name: as ``BATCH_SIZE``.
        short: as ``-b``, or None.
        group: heading in the help.
        help: what it means, its unit and its default.
        parse: turns its text into a value, raising ValueError("what is allowed").
        repeatable: collects every value into a list.
        switch: takes no value.
        aliases: other programs' long names for it, as ``prompt``.
    """

    name: str
    short: str | None
    group: str
    help: str
    parse: Callable[[str], Any] = str
    repeatable: bool = False
    switch: bool = False
    aliases: tuple[str, ...] = ()

    def spellings(self) -> list[str]:
        """All ways to write it that the help shows."""
        long = [f"--{self.name}", f"--{self.name.lower().replace('_', '-')}"]
        return ([self.short] if self.short else []) + long

    def hidden_spellings(self) -> list[str]:
        """All other ways to write it."""
        names = (self.name.lower(), *self.aliases)
        written = [f"--{name}" for own in names for name in (own, own.replace("_", "-"))]
        return [name for name in dict.fromkeys(written) if name not in self.spellings()]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def parse_flags(
    prog: str, about: str, flags: Sequence[Flag], examples: str, argv: Sequence[str] | None
) -> argparse.Namespace:
    """Read a command line.

    Args:
        prog: name of the script.
        about: one line for the help.
        flags: what it takes.
        examples: two of them, for the end of the help.
        argv: the arguments; None are the process's own.

    Raises:
        UsageError: naming the flag, what came, what is allowed.
    """
    parser = _Parser(
        prog=prog,
        description=about,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    groups: dict[str, Any] = {}
    for flag in flags:
        if flag.group not in groups:
            groups[flag.group] = parser.add_argument_group(flag.group)
        groups[flag.group].add_argument(*flag.spellings(), **_settings(flag))
        if hidden := flag.hidden_spellings():
            parser.add_argument(*hidden, **_settings(flag) | {"help": argparse.SUPPRESS})
    return parser.parse_args(argv)


def _settings(flag: Flag) -> dict[str, Any]:
    shared = {"dest": flag.name.lower(), "help": flag.help, "default": None}
    if flag.switch:
        return {**shared, "action": "store_const", "const": True}
    action = "append" if flag.repeatable else "store"
    return {**shared, "metavar": "X", "type": _typed(flag), "action": action}


def _typed(flag: Flag) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        try:
            return flag.parse(text)
        except ValueError as error:
            raise UsageError(f"--{flag.name} {text}: {error}") from None

    return convert


def whole(low: int, high: int = 10**9) -> Callable[[str], int]:
    """Return a reader of whole numbers in [low, high]."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d+", text.strip()) or not low <= int(text) <= high:
            bound = f"from {low} up" if high == 10**9 else f"from {low} to {high}"
            raise ValueError(f"give a whole number {bound}")
        return int(text)

    return parse


def real(low: float, high: float = float("inf"), *, above: bool = False) -> Callable[[str], float]:
    """Return a reader of numbers in [low, high], or in (low, high]."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if (
            not (low < value if above else low <= value)
            or not value <= high
            or value == float("inf")
        ):
            bound = f"{'above' if above else 'from'} {low:g}"
            raise ValueError(f"give a number {bound}" + (f" to {high:g}" if high < 1e300 else ""))
        return value

    return parse


def choice(*allowed: str) -> Callable[[str], str]:
    """Return a reader of one of some words."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"choose one of {', '.join(allowed)}")
        return text

    return parse


def listed(parse_one: Callable[[str], T]) -> Callable[[str], list[T]]:
    """Return a reader of values separated by commas."""

    def parse(text: str) -> list[T]:
        return [parse_one(part.strip()) for part in text.split(",")]

    return parse


def timestamp(text: str) -> str:
    """Read what may stand behind ``training_``."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", text):
        raise ValueError("give letters, digits, - and _ only")
    return text


def directory(text: str) -> Path:
    """Read a path."""
    if "\0" in text or not text:
        raise ValueError("give a path")
    return Path(text).expanduser()
