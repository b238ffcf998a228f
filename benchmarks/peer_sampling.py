"""Seconds and calls a 512 px picture, beside the peers:  python -m benchmarks.peer_sampling.

Three cascades 64 -> 256 -> 512 px draw: ours of ``parameters/tiny``, and those of the two peers
with the small networks of imagen-pytorch's README (32 channels), each as it samples by default. The
peers take 1000 steps a stage without guidance, one network call each. One such call of a stage is
measured and multiplied; what their samplers do between calls is left out, in their favour. Ours
draws a batch of six whole. Weights are fresh, which changes no cost. They take turns; medians.
"""

from statistics import median
from typing import Any

from benchmarks.page import put_table
from benchmarks.peers.presets import NAMES
from benchmarks.peers.turns import Contenders, command_of, parse, started
from benchmarks.record import by_column, print_table, save

OURS = "this project, `parameters/tiny`"
SIZES = [64, 256, 512]
PICTURES, ROUNDS = 6, 3
TEXT_WIDTH = 64  # of t5-tiny
STAGES = [f"s at {size} px" for size in SIZES]
COLUMNS = ("cascade", "weights", "calls", *STAGES, "core seconds a picture", "of ours")
LAST_LEVEL = [False, False, False, True]
ABOVE = {"dim": 32, "cond_dim": 512, "dim_mults": [1, 2, 4, 8], "num_resnet_blocks": [2, 4, 8, 8]}
UNETS = [
    {
        "dim": 32,
        "cond_dim": 512,
        "dim_mults": [1, 2, 4, 8],
        "num_resnet_blocks": 3,
        "layer_attns": [False, True, True, True],
        "layer_cross_attns": [False, True, True, True],
    },
    {**ABOVE, "layer_attns": LAST_LEVEL, "layer_cross_attns": LAST_LEVEL, "memory_efficient": True},
    {**ABOVE, "layer_attns": False, "layer_cross_attns": LAST_LEVEL, "memory_efficient": True},
]

Row = dict[str, Any]


def contenders() -> Contenders:
    """Return of each cascade the kind of its process and its settings."""
    ours = {"parameters": "parameters/tiny", "pictures": PICTURES}
    theirs = {name: {"name": name, "unets": UNETS, "sizes": SIZES} for name in NAMES}
    return {
        OURS: ("our cascade", ours),
        **{name: ("cascade", settings) for name, settings in theirs.items()},
    }


def measure(rounds: int, threads: int) -> dict[str, Row]:
    """Let all call their networks in turn; returns calls and seconds a picture at each stage."""
    found: dict[str, Row] = {}
    with started(contenders(), threads, TEXT_WIDTH) as workers:
        for name, worker in workers.items():
            found[name] = {"weights": worker.weights, "stages": []}
        for stage, size in enumerate(SIZES):
            calls: dict[str, list[Row]] = {name: [] for name in workers}
            for _ in range(1 + rounds):
                for name, worker in workers.items():
                    calls[name].append(worker.ask("call", stage=stage))
            for name, made in calls.items():
                found[name]["stages"].append({"size": size, **a_picture(made[1:])})
    return found


def a_picture(made: list[Row]) -> Row:
    """Return what a picture takes at a stage, from calls that were measured."""
    share = made[0]["needed"] / made[0]["calls"]  # of a picture's calls, for each that was made
    return {
        "calls": made[0]["needed"],
        "processor": round(share * median(call["processor"] for call in made), 3),
        "wall": round(share * median(call["wall"] for call in made), 3),
    }


def total(found: Row, what: str) -> float:
    """Add up the stages."""
    return float(sum(stage[what] for stage in found["stages"]))


def rows_of(found: dict[str, Row]) -> list[tuple[str, ...]]:
    """Return the rows of the table."""
    ours = total(found[OURS], "processor")
    return [
        (
            name,
            f"{row['weights'] / 1e6:.1f} M",
            f"{total(row, 'calls'):.0f}",
            *(f"{stage['processor']:,.1f}" for stage in row["stages"]),
            f"{total(row, 'processor'):,.1f}",
            f"{total(row, 'processor') / ours:,.0f}x",
        )
        for name, row in found.items()
    ]


def main() -> None:
    """Run the benchmark, print its table, write its JSON."""
    options = parse(__doc__, ROUNDS)
    found = measure(options.rounds, options.threads)
    print_table(COLUMNS, rows_of(found))
    command, rows = command_of("peer_sampling", options), by_column(COLUMNS, rows_of(found))
    save("peer_sampling", command, {"rows": rows, "found": found})
    put_table("peer_sampling", command, rows)


if __name__ == "__main__":
    main()
