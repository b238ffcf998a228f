"""The page on scale shows what was counted and measured, and its launch files launch."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from accelerate.commands.launch import launch_command_parser
from torch.distributed.run import get_args_parser

from benchmarks import cost, scaling_law
from benchmarks.record import MEASURED
from minimagen.cli.train import parse
from tests.conftest import ROOT

PAGE = (ROOT / "docs/scale.md").read_text(encoding="utf-8")
LAUNCH = ROOT / "docs/launch"
FILES = sorted(LAUNCH.iterdir())
MEETING = """
import torch, torch.distributed as dist
dist.init_process_group("gloo")
total = torch.tensor(dist.get_rank() + 1)
dist.all_reduce(total)
print("met", int(total), "of", dist.get_world_size())
"""


def torchrun_words(environment: dict[str, str]) -> list[str]:
    """Return what follows ``torchrun`` in the file, its variables filled in."""
    text = (LAUNCH / "torchrun.sh").read_text(encoding="utf-8")
    [line] = re.findall(r"^exec torchrun ((?:.*\\\n)*.*)$", text, re.M)
    for name, value in environment.items():
        line = line.replace(f'"${name}"', value)
    return shlex.split(line.replace("\\\n", " "))


def recorded(name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((MEASURED / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_launch_file_is_good_bash(file: Path) -> None:
    done = subprocess.run(["bash", "-n", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_torchrun_knows_every_flag_of_its_file() -> None:
    words = torchrun_words({"NODES": "2", "HEAD": "node0:29500", "GPUS": "8", "@": "-p parameters"})
    found = get_args_parser().parse_args(words)
    assert (found.nnodes, found.nproc_per_node, found.rdzv_endpoint) == ("2", "8", "node0:29500")
    assert found.max_restarts == 0
    assert [found.training_script, *found.training_script_args] == ["train.py", "-p", "parameters"]


def test_accelerate_knows_every_flag_of_the_page() -> None:
    [line] = re.findall(r"^    accelerate launch ((?:.*\\\n)*.*)$", PAGE, re.M)
    found = launch_command_parser().parse_args(shlex.split(line.replace("\\\n", " ")))
    assert (found.training_script, found.num_machines, found.num_processes) == ("train.py", 2, 16)
    assert parse(found.training_script_args)


def test_train_knows_every_flag_that_the_launch_files_name() -> None:
    """Their examples, and what the Slurm file adds to them."""
    text = "".join(file.read_text(encoding="utf-8") for file in FILES)
    examples = re.findall(r"^#   .*(?:slurm\.sbatch|torchrun\.sh) (-.*)$", text, re.M)
    assert len(examples) == 3
    assert all(parse(shlex.split(words)) for words in examples)
    assert parse(["-rd", "/runs/training_photos_1", "-st", "0"]).stages
    assert parse(["-p", "parameters", "-o", "/runs", "-ts", "photos_1"]).timestamp == "photos_1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.mark.slow
def test_two_slurm_tasks_meet() -> None:
    """As srun starts them: the same command, told apart by Slurm's variables alone."""
    shared = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(free_port()), "SLURM_NTASKS": "2"}
    command = ["bash", str(LAUNCH / "slurm_task.sh"), sys.executable, "-c", MEETING]
    tasks = [
        subprocess.Popen(
            command,
            env=os.environ | shared | {"SLURM_PROCID": str(i), "SLURM_LOCALID": str(i)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(2)
    ]
    assert [task.communicate(timeout=120)[0].strip() for task in tasks] == ["met 3 of 2"] * 2


@pytest.mark.slow
def test_the_torchrun_file_starts_processes_that_meet(tmp_path: Path) -> None:
    """In a directory whose train.py does nothing but meet: the file itself is what is tried."""
    (tmp_path / "train.py").write_text(MEETING, encoding="utf-8")
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    here = {"PATH": tools, "GPUS": "2", "HEAD": f"localhost:{free_port()}"}
    done = subprocess.run(
        ["bash", str(LAUNCH / "torchrun.sh")],
        cwd=tmp_path,
        env=os.environ | here,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.stdout.count("met 3 of 2") == 2, done.stderr


def test_the_tables_are_what_the_commands_print(capsys: pytest.CaptureFixture[str]) -> None:
    cost.report(recorded("cost_imagen"))
    for table in capsys.readouterr().out.strip().split("\n\n"):
        assert table in PAGE
    scaling_law.report(recorded("scaling_law"))
    assert capsys.readouterr().out.strip() in PAGE


@pytest.mark.slow
@pytest.mark.parametrize("name", ["imagen", "photos"])
def test_the_costs_are_those_of_the_files_as_they_are(name: str) -> None:
    """When it fails, a parameter file has changed: count again and bring the page up to date."""
    found = cost.count(ROOT / "parameters" / name, cost.Assumed())
    assert found.items() <= recorded(f"cost_{name}").items()
