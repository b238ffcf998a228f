"""What the race is said to have shown."""

from benchmarks.peers.presets import NAMES
from benchmarks.time_to_quality import OURS, milestones, seconds_to_enough, verdict


def point(seconds: float, right: int, drawn: int = 18) -> dict[str, object]:
    return {"seconds": seconds, "right": right, "drawn": drawn, "interval": (0.0, 0.3)}


def test_the_first_moment_counts_at_which_enough_is_right() -> None:
    run = [point(15, 3, 10), point(30, 8, 10), point(45, 7, 10)]
    assert seconds_to_enough(run) == 30
    assert milestones(run) == run[1:]
    assert seconds_to_enough(run[:1]) is None
    assert milestones(run[1:2]) == run[1:2]


def test_the_peers_seconds_are_held_against_our_slowest_run() -> None:
    ours = [[point(10, 18)], [point(10, 1), point(50, 18)]]
    said = verdict({OURS: ours, NAMES[0]: [[point(100, 0), point(500, 2)]], NAMES[1]: [[]]})
    assert said["our_seconds"] == [10, 50]
    assert said["theirs"] == {
        NAMES[0]: {"seconds": 500, "times": 10.0, "accuracy": 0.1111, "at_most": 0.3}
    }
