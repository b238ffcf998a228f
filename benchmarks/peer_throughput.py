"""Training images a second at the peers' own widths:  python -m benchmarks.peer_throughput.

Four U-Nets of 64, 128 and 256 channels, two blocks a level, attention to themselves and to 16
tokens at the lowest level, 64 px, float32, batches of 4, one Adam step included: ours, those of the
two peers and diffusers' one. Each is a process of its own; they take steps in turn, so that a slow
minute of the machine slows all of them, and medians are compared. A core second is one of
processor time; the clock's seconds are in the JSON, and mean something on a quiet machine.
"""

from statistics import median
from typing import Any

from benchmarks.page import put_table
from benchmarks.peers.presets import NAMES, settings_of
from benchmarks.peers.turns import Contenders, command_of, parse, started
from benchmarks.record import by_column, print_table, save

BATCH, ROUNDS = 4, 5
RATE = 1e-4
TEXT_WIDTH = 768  # of T5 base
OURS = "this project"
COLUMNS = ("U-Net", "weights", "images a core second", "of the faster peer")


def contenders() -> Contenders:
    """Return of each contender the kind of its process and its settings."""
    bare = {"batch": BATCH, "rate": RATE, "clip": 0.0, "average": 0.0}
    wide = {name: settings_of(name, width=64, blocks=2) | bare for name in NAMES}
    return {
        OURS: ("ours at widths", {"batch": BATCH}),
        **{name: ("peer", settings) for name, settings in wide.items()},
        "diffusers' `UNet2DConditionModel`": ("diffusers", {"batch": BATCH, "rate": RATE}),
    }


def measure(rounds: int, threads: int) -> dict[str, dict[str, Any]]:
    """Let all take steps in turn; returns what each took."""
    found: dict[str, dict[str, Any]] = {}
    with started(contenders(), threads, TEXT_WIDTH) as workers:
        for name, worker in workers.items():
            worker.ask("step", times=1)  # the first one allocates
            found[name] = {"weights": worker.weights, "processor": [], "wall": []}
        for _ in range(rounds):
            for name, worker in workers.items():
                took = worker.ask("step", times=1)
                found[name]["processor"].append(round(took["processor"], 3))
                found[name]["wall"].append(round(took["wall"], 3))
    for took in found.values():
        took["images_a_core_second"] = round(BATCH / median(took["processor"]), 3)
    return found


def against_the_faster(found: dict[str, dict[str, Any]], name: str) -> float:
    """Return how many times as fast as the faster peer one is, by processor time."""
    faster = max(found[peer]["images_a_core_second"] for peer in NAMES)
    return float(found[name]["images_a_core_second"] / faster)


def rows_of(found: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return the rows of the table."""
    return [
        (
            name,
            f"{took['weights'] / 1e6:.1f} M",
            f"{took['images_a_core_second']:.2f}",
            f"{against_the_faster(found, name):.2f}x",
        )
        for name, took in found.items()
    ]


def main() -> None:
    """Run the benchmark, print its table, write its JSON."""
    options = parse(__doc__, ROUNDS)
    found = measure(options.rounds, options.threads)
    print_table(COLUMNS, rows_of(found))
    command, rows = command_of("peer_throughput", options), by_column(COLUMNS, rows_of(found))
    save("peer_throughput", command, {"rows": rows, "found": found})
    put_table("peer_throughput", command, rows)


if __name__ == "__main__":
    main()
