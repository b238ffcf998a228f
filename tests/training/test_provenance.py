"""What a run tells of its making, and what it keeps to itself."""

from pathlib import Path

import pytest

from minimagen.training.provenance import provenance_of, without_paths


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/home/me/minimagen/train.py -p parameters/tiny -o /data/runs", "python train.py -p par"),
        ("main.py", "python main.py"),
        ("'C:\\Users\\me\\main.py' -o 'C:\\runs'", "python main.py -o runs"),
        ("train.py --SET data.dataset=/home/me/pictures", "python train.py --SET data.dataset=pic"),
        ('train.py "half a quote', ""),
    ],
)
def test_a_command_is_told_without_this_machines_paths(command: str, said: str) -> None:
    told = without_paths(command)
    assert told.startswith(said)
    assert "me" not in told.replace("parameters", "").split("/")
    assert "/home" not in told


def test_what_is_no_run_says_nothing(tmp_path: Path) -> None:
    assert provenance_of(tmp_path) is None
