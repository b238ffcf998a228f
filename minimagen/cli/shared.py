"""Flags that several scripts take, and what several say in the same words."""

from collections.abc import Sequence

from minimagen.cli.flags import Flag, choice, directory, real, whole

GROUP = "where and how"

DEVICE = Flag("DEVICE", "-dv", GROUP, "cpu, cuda, cuda:1 or mps; default: the best there is")
PRECISION = Flag(
    "PRECISION",
    "-pr",
    GROUP,
    "what networks compute in, no, bf16 or fp16; default: bf16 where the GPU has it, else no",
    choice("no", "bf16", "fp16"),
)
OUTPUT = Flag("OUTPUT", "-o", GROUP, "where results are made; default: here", directory)
SEED = Flag(
    "SEED", "-sd", GROUP, "every random draw follows from it; default: 0", whole(0, 2**31 - 1)
)

sigma_rel = real(0, 0.28, above=True)
"""Reads the length of an average."""


def run_flag(group: str, alone: bool = True) -> Flag:
    """Return the flag that names a run, of a command that looks at one; see :func:`named`."""
    about = "which run, or NAME, NAME:TAG of a model that is kept; " + (
        "may also stand alone, without the flag" if alone else "default: the newest training_* here"
    )
    return Flag("TRAINING_DIRECTORY", "-d", group, about, directory)


def named(argv: Sequence[str], flags: Sequence[Flag], short: str = "-d") -> list[str]:
    """Put a flag before a word that stands alone.

    Args:
        argv: the words of a command line.
        flags: those that the command takes.
        short: the flag of the word that may stand alone; a run's, unless told otherwise.
    """
    takes_value = {word for flag in flags if not flag.switch for word in _words(flag)}
    [flagged] = [_words(flag) for flag in flags if flag.short == short]
    for place, word in enumerate(argv):
        if not flagged.isdisjoint(argv[:place]):
            break
        if not word.startswith("-") and (place == 0 or argv[place - 1] not in takes_value):
            return [*argv[:place], short, *argv[place:]]
    return list(argv)


def in_bytes(count: int) -> str:
    """Write a size as people read it: 1.4 GB."""
    size, units = float(count), iter(("bytes", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while size >= 1000 and unit != "TB":
        size, unit = size / 1000, next(units)
    return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"


def _words(flag: Flag) -> set[str]:
    """Return all ways to write a flag."""
    return {*flag.spellings(), *flag.hidden_spellings()}
