"""Command lines that the docs print."""

import re
import shlex


def commands(page: str, script: str) -> list[list[str]]:
    """Return the words behind ``python SCRIPT`` of each indented command line; at least one."""
    lines = re.findall(rf"^    python {script} (.+)$", page, flags=re.MULTILINE)
    assert lines
    return [shlex.split(line) for line in lines]
