"""Where the time before the first step goes:  python -m benchmarks.startup.

``--help`` of every script; ``import minimagen``, package by package; and what ``inference.py``
does until its first network call. Each in a process of its own, several times; seconds are of the
processor, which other programs do not change much, and medians.
"""

import argparse
import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.record import print_table, save

HELPS = {
    "main.py": ["main.py"],
    "train.py": ["train.py"],
    "inference.py": ["inference.py"],
    "python -m minimagen": ["-m", "minimagen"],
}
IMPORTS = "minimagen", "minimagen.imagen", "minimagen.training.fit"
FIRST_STEP = """
import json, sys, time
taken, last = {}, time.process_time()
def done(what):
    global last
    now = time.process_time()
    taken[what], last = now - last, now
import torch
done("import torch")
from minimagen.imagen import Imagen
done("import minimagen.imagen")
imagen = Imagen.load(sys.argv[1], "cpu")
done("read the weights")
imagen.encode(["a red circle"])
done("load the text encoder, embed a caption")
imagen.sample(["a red circle"], steps=1, size=imagen.stages[0].config.size)
done("the first step of the base")
print(json.dumps(taken))
"""
SAVE = """
import sys
from pathlib import Path
from minimagen.cascade import CascadeConfig
from minimagen.imagen import Imagen
Imagen.create(CascadeConfig.read(Path("parameters/tiny"))).save(Path(sys.argv[1]))
"""
IMPORTED = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|(\s+)(\S+)")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python and return what it wrote."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def processor_seconds(*arguments: str) -> float:
    """Return the processor's seconds of a run of Python, from start to end."""
    before = _children()
    run(*arguments)
    return _children() - before


def _children() -> float:
    from resource import RUSAGE_CHILDREN, getrusage

    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def helps(rounds: int) -> list[dict[str, Any]]:
    """Return what ``--help`` of each script takes."""
    return [
        {"--help of": name, "core_seconds": _median(rounds, *call, "--help")}
        for name, call in HELPS.items()
    ]


def imported(rounds: int) -> list[dict[str, Any]]:
    """Return what imports take in all, and the packages that take most of it, each by itself."""
    bare = _median(rounds, "-c", "pass")
    rows = []
    for module in IMPORTS:
        total = _median(rounds, "-c", f"import {module}") - bare
        found: dict[str, int] = defaultdict(int)
        for line in run("-X", "importtime", "-c", f"import {module}").stderr.splitlines():
            if match := IMPORTED.match(line):
                found[match[4].partition(".")[0]] += int(match[1])
        longest = sorted(found.items(), key=lambda pair: -pair[1])[:5]
        shares = ", ".join(f"{name} {took / sum(found.values()):.0%}" for name, took in longest)
        rows.append({"import": module, "core_seconds": round(total, 3), "of it": shares})
    return rows


def first_step(rounds: int) -> list[dict[str, Any]]:
    """Return what each part of ``inference.py`` takes until its first network call."""
    with TemporaryDirectory() as directory:
        run("-c", SAVE, directory)
        taken = [json.loads(run("-c", FIRST_STEP, directory).stdout) for _ in range(rounds)]
    return [
        {"until the first step": what, "core_seconds": round(median(t[what] for t in taken), 3)}
        for what in taken[0]
    ]


def _median(rounds: int, *arguments: str) -> float:
    return round(median(processor_seconds(*arguments) for _ in range(rounds)), 3)


def main() -> None:
    """Run the benchmark, print its tables, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    if not Path("train.py").exists():
        sys.exit("run it from the repository's root: train.py is not here")
    found = {"help": helps(rounds), "import": imported(rounds), "first_step": first_step(rounds)}
    for rows in found.values():
        print_table(list(rows[0]), [list(row.values()) for row in rows])
        print()
    save("startup", "python -m benchmarks.startup", {"rounds": rounds, **found})


if __name__ == "__main__":
    main()
