"""The command that fills the cache: in one process here; in two, and in a share, as it is meant."""

from pathlib import Path

import pytest

import train
from minimagen.__main__ import main
from minimagen.text.store import EmbeddingCache
from tests.conftest import cascade_of
from tests.tiny_runs import write_parameters


@pytest.fixture
def flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("MINIMAGEN_CACHE", str(tmp_path / "cache"))
    parameters = write_parameters(tmp_path / "parameters", cascade_of(16))
    return ["-p", str(parameters), "--set", "data.shapes.size=60"]


def embed(*flags: str) -> int:
    return main(["embed", *flags])


def test_what_it_filled_training_does_not_embed(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert embed(*flags) == 0
    before = sorted((tmp_path / "cache").rglob("*.npy"))
    train.train(train.parse([*flags, "-o", str(tmp_path), "-ts", "run"]))
    assert sorted((tmp_path / "cache").rglob("*.npy")) == before
    capsys.readouterr()
    assert embed(*flags) == 0
    assert "captions: 0 to embed" in capsys.readouterr().out


def test_shares_are_disjoint_and_make_the_whole(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    todo = []
    for more in (["--share", "1/2"], ["--share", "2/2"], []):
        assert embed(*flags, *more) == 0
        said = capsys.readouterr().out
        todo.append(int(said.split("captions: ")[1].split()[0]))
    first, second, rest = todo
    assert min(first, second) > 5
    assert rest == 0
    assert embed(*flags, "--list") == 0
    assert capsys.readouterr().out.splitlines()[2].split()[1] == str(first + second)


def test_the_cache_is_listed_and_made_smaller(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert embed(*flags) == 0
    assert embed("--evict", "0", "--list") == 0
    said = capsys.readouterr().out
    assert "removed: " in said
    assert "t5 sha256:" in said
    assert len(list(EmbeddingCache().path.glob("*/*.npy"))) == 0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (["--share", "3/2"], "give which part of how many"),
        (["--share", "0/2"], "give which part of how many"),
        (["--evict", "ten"], "give a size, as 10GB"),
        (["--encoder", "ab"], "means nothing without --EVICT"),
        (["--evict", "0", "--encoder", "zz"], "0 encoders in the cache have such a name"),
        (["-ds", "absent"], "absent"),
        (["-n", "0"], "from 1 to 256"),
    ],
)
def test_wrong_use_is_one_line_and_2(
    flags: list[str], wrong: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert embed(*flags, *wrong) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert what in line


@pytest.mark.slow
def test_two_processes_embed_what_one_does_to_the_bit(flags: list[str], tmp_path: Path) -> None:
    """Each starts an interpreter of its own, which takes seconds."""
    contents = []
    for processes in ("1", "2"):
        assert embed(*flags, "-n", processes) == 0
        train.train(train.parse([*flags, "-o", str(tmp_path), "-ts", f"run{processes}"]))
        contents.append(tmp_path / f"training_run{processes}/state_dicts/unet_0_raw.safetensors")
        assert embed("--evict", "0") == 0
    assert contents[0].read_bytes() == contents[1].read_bytes()
