"""Checkpoints, loose weights and the stage's lock, on real files, real signals and real limits."""

import json
import os
import shutil
import signal
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from minimagen import checkpoint
from minimagen.checkpoint import (
    append_text,
    newest_checkpoint,
    read_checkpoint,
    read_note,
    read_weights,
    sha256_of,
    sweep,
    write_bytes,
    write_checkpoint,
    write_text,
    write_weights,
)
from minimagen.errors import (
    CheckpointError,
    LockedError,
    NoValidCheckpointError,
    TrainingError,
)
from minimagen.locking import stage_lock
from tests.disks import mounted

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
FILES = ["MANIFEST.json", "model.safetensors", "optimizer.safetensors", "state.json"]
CRASH_POINTS = [
    "after_model",
    "before_manifest",
    "before_rename",
    "after_rename",
    "during_retention",
]


def some_tensors(step: int) -> dict[str, dict[str, Tensor]]:
    weight = torch.arange(60, dtype=torch.float32).view(3, 4, 5) + step
    return {"model": {"weight": weight}, "optimizer": {"step": torch.tensor(step)}}


def write(root: Path, step: int, keep: int = 2) -> Path:
    return write_checkpoint(root, step, some_tensors(step), {"step": step}, keep=keep)


def steps(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def in_child(action: Callable[[], object]) -> int:
    """Run an action in a forked process; its exit code, or minus the signal that killed it."""
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)
        try:
            action()
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode())
            os._exit(getattr(error, "exit_code", 99))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# Writing and reading


def test_what_was_written_comes_back_bit_for_bit(tmp_path: Path) -> None:
    shared = torch.randn(4, 3)
    tensors = {
        "model": {
            "float": torch.randn(3, 5),
            "nan_inf": torch.tensor([float("nan"), float("inf"), -0.0]),
            "half": torch.randn(7).to(torch.float16),
            "brain": torch.randn(7).to(torch.bfloat16),
            "channels_last": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
            "sliced": torch.randn(8, 8)[1:7:2, ::3],
            "part": torch.randn(8)[2:5],
            "tied": shared,
            "tied_too": shared,
            "transposed": shared.T,
            "parameter": torch.nn.Parameter(torch.randn(3)),
        },
        "optimizer": {
            "long": torch.tensor([2**62, -1]),
            "zero_dim": torch.tensor(0.1, dtype=torch.float64),
            "bool": torch.tensor([True, False]),
            "empty": torch.zeros(0, 3),
        },
        "nothing": {},
    }
    state: dict[str, Any] = {
        "loss": 0.1 + 0.2,
        "best": float("inf"),
        "names": ["ä", None],
        "deep": {"n": 2**60},
    }
    read = read_checkpoint(write_checkpoint(tmp_path / "new" / "root", 123, tensors, state))
    assert (read.step, read.state) == (123, state)
    assert {group: set(named) for group, named in read.tensors.items()} == {
        group: set(named) for group, named in tensors.items()
    }
    for group, named in tensors.items():
        for name, tensor in named.items():
            back = read.tensors[group][name]
            assert (back.dtype, back.shape) == (tensor.dtype, tensor.shape), name
            assert bits(back) == bits(tensor), name


def bits(tensor: Tensor) -> bytes:
    return tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def test_equal_tensors_give_equal_bytes_in_any_order_and_at_any_path(tmp_path: Path) -> None:
    tensors = {name: torch.full((3,), float(i)) for i, name in enumerate("edcba")}
    write_weights(tmp_path / "one.safetensors", tensors)
    write_weights(tmp_path / "other" / "two.safetensors", dict(sorted(tensors.items())))
    assert sha256_of(tmp_path / "one.safetensors") == sha256_of(
        tmp_path / "other" / "two.safetensors"
    )


def test_a_note_comes_back_and_equal_notes_give_equal_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one.safetensors", "two.safetensors")]
    for path in paths:
        write_weights(path, {"a": torch.ones(2)}, '{"length": "0.1 \u00bd"}\n')
    assert {read_note(path) for path in paths} == {'{"length": "0.1 \u00bd"}\n'}
    assert len({sha256_of(path) for path in paths}) == 1
    assert torch.equal(read_weights(paths[0])["a"], torch.ones(2))


def test_a_file_without_a_note_and_one_cut_short_are_named(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_weights(path, {"a": torch.ones(2)})
    with pytest.raises(CheckpointError, match=r"w\.safetensors: does not say what it holds"):
        read_note(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"w\.safetensors: is no whole safetensors file"):
        read_note(path)
    with pytest.raises(CheckpointError, match=r"none\.safetensors: is no whole safetensors file"):
        read_note(tmp_path / "none.safetensors")


def test_equal_checkpoints_are_equal_files(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", 7), write(tmp_path / "b", 7)
    assert steps(first) == FILES
    assert [sha256_of(first / name) for name in FILES] == [
        sha256_of(second / name) for name in FILES
    ]


def test_files_have_the_mode_that_the_umask_asks_for(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = write(tmp_path, 1)
        write_weights(tmp_path / "w.safetensors", {"a": torch.zeros(1)})
    finally:
        os.umask(before)
    modes = {p.stat().st_mode & 0o777 for p in [*path.iterdir(), tmp_path / "w.safetensors"]}
    assert modes == {0o640}


def test_read_weights_do_not_change_when_their_file_does(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_weights(path, {"a": torch.ones(4096)})
    tensors = read_weights(path)
    path.write_bytes(b"\0" * path.stat().st_size)
    assert tensors["a"].eq(1).all()


def test_text_is_replaced_at_once_and_leaves_nothing_beside(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "t.txt", "one\n")
    write_text(tmp_path / "a" / "t.txt", "zwölf\n")
    assert (tmp_path / "a" / "t.txt").read_bytes() == "zwölf\n".encode()
    assert steps(tmp_path / "a") == ["t.txt"]


def test_bytes_are_replaced_and_text_is_appended(tmp_path: Path) -> None:
    for part in (b"one", b"two"):
        write_bytes(tmp_path / "b.bin", part)
        append_text(tmp_path / "t.txt", part.decode() + "\n")
    assert (tmp_path / "b.bin").read_bytes() == b"two"
    assert (tmp_path / "t.txt").read_bytes() == b"one\ntwo\n"
    assert steps(tmp_path) == ["b.bin", "t.txt"]


def test_a_failed_write_leaves_the_old_file_and_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    write_weights(path, {"a": torch.ones(2)})
    with pytest.raises(KeyError):  # safetensors knows no complex128
        write_weights(path, {"a": torch.ones(2, dtype=torch.complex128)})
    assert read_weights(path)["a"].eq(1).all()
    assert steps(tmp_path) == ["w.safetensors"]


# Which checkpoints there are


def test_no_checkpoints_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "step_00000001.tmp-1-ab").mkdir()
    assert newest_checkpoint(tmp_path) == (None, [])
    assert newest_checkpoint(tmp_path / "missing") == (None, [])


def test_newest_is_by_step_and_not_by_time(tmp_path: Path) -> None:
    for step in (20, 3, 100_000_000):
        write(tmp_path, step, keep=5)
    os.utime(tmp_path / "step_00000003")
    assert newest_checkpoint(tmp_path) == (tmp_path / "step_100000000", [])


def test_the_newest_verified_ones_are_kept(tmp_path: Path) -> None:
    for step in range(1, 6):
        write(tmp_path, step, keep=2)
    assert steps(tmp_path) == ["step_00000004", "step_00000005"]


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_a_link_or_a_file_in_the_place_of_a_checkpoint_is_dropped_as_one(tmp_path: Path) -> None:
    """What a link leads to stays."""
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    write(root, 2).rename(elsewhere)
    (root / "step_00000002").symlink_to(elsewhere)
    (root / "step_00000001").write_text("no directory")
    (root / "step_00000000.tmp-1-ab").write_text("no directory")
    sweep(root)
    write(root, 3, keep=2)
    assert steps(root) == ["step_00000002", "step_00000003"]
    write(root, 4, keep=2)
    assert steps(root) == ["step_00000003", "step_00000004"]
    assert steps(elsewhere) == FILES


def test_a_damaged_checkpoint_does_not_count_as_kept(tmp_path: Path) -> None:
    for step in (1, 2):
        write(tmp_path, step)
    (tmp_path / "step_00000002" / "state.json").unlink()
    checkpoint._verified.clear()  # as in a new process
    write(tmp_path, 3)
    assert steps(tmp_path) == ["step_00000001", "step_00000002", "step_00000003"]
    write(tmp_path, 4)
    assert steps(tmp_path) == ["step_00000003", "step_00000004"]


def test_retention_verifies_another_process_checkpoint_once(tmp_path: Path) -> None:
    """Damage that comes after the one look goes unseen by retention; every reader still sees it."""
    for step in (1, 2):
        write(tmp_path, step, keep=3)
    checkpoint._verified.clear()  # as in a new process
    write(tmp_path, 3, keep=3)  # looks at 2 and 1
    truncate(tmp_path / "step_00000002" / "model.safetensors", 0)
    write(tmp_path, 4, keep=3)
    assert steps(tmp_path) == ["step_00000002", "step_00000003", "step_00000004"]
    with pytest.raises(CheckpointError, match=r"model\.safetensors: has 0 bytes"):
        read_checkpoint(tmp_path / "step_00000002")


def test_writing_a_step_again_is_no_work_and_replaces_a_damaged_one(tmp_path: Path) -> None:
    path = write(tmp_path, 1)
    inode = path.stat().st_ino
    assert write(tmp_path, 1).stat().st_ino == inode
    (path / "model.safetensors").write_bytes(b"")
    assert read_checkpoint(write(tmp_path, 1)).step == 1
    assert steps(tmp_path) == ["step_00000001"]


# Damage


def truncate(path: Path, length: int) -> None:
    with path.open("rb+") as file:
        file.truncate(length)


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: truncate(path, 0),
    "ten_bytes": lambda path: truncate(path, 10),
    "half": lambda path: truncate(path, path.stat().st_size // 2),
    "one_short": lambda path: truncate(path, path.stat().st_size - 1),
    "bit_flipped": lambda path: flip(path, path.stat().st_size * 4),
    "last_bit_flipped": lambda path: flip(path, path.stat().st_size * 8 - 1),
    "missing": lambda path: path.unlink(),
    "garbage": lambda path: path.write_bytes(os.urandom(path.stat().st_size)),
    "other_json": lambda path: path.write_text('{"format": 1, "step": "2"}'),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_and_passed_over(tmp_path: Path, damage: str, name: str) -> None:
    older, newer = write(tmp_path, 1), write(tmp_path, 2)
    DAMAGES[damage](newer / name)
    found, skipped = newest_checkpoint(tmp_path)
    assert found == older
    assert len(skipped) == 1
    assert str(newer / name) in skipped[0]
    assert "\n" not in skipped[0]
    with pytest.raises(CheckpointError, match=name):
        read_checkpoint(newer)


def test_a_flipped_bit_in_any_byte_of_a_manifest_is_seen(tmp_path: Path) -> None:
    """Even in its white space: it must be, byte for byte, what its content would be written as."""
    path = write_checkpoint(tmp_path, 1, {}, {})
    manifest = path / "MANIFEST.json"
    content = manifest.read_bytes()
    for byte in range(len(content)):
        flip(manifest, byte * 8 + byte % 8)
        with pytest.raises(CheckpointError):
            read_checkpoint(path)
        manifest.write_bytes(content)


def test_an_empty_directory_and_a_renamed_one_are_damaged(tmp_path: Path) -> None:
    shutil.copytree(write(tmp_path, 1), tmp_path / "step_00000008")
    (tmp_path / "step_00000009").mkdir()
    found, skipped = newest_checkpoint(tmp_path)
    assert found == tmp_path / "step_00000001"
    assert [Path(line.split(":")[0]).parent.name[-1] for line in skipped] == ["9", "8"]


def test_all_damaged_is_exit_code_3_and_names_each(tmp_path: Path) -> None:
    for step in (1, 2):
        truncate(write(tmp_path, step) / "model.safetensors", 0)
    with pytest.raises(NoValidCheckpointError, match=r"step_00000002.*step_00000001") as caught:
        newest_checkpoint(tmp_path)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)


def test_a_later_format_is_refused_by_its_number(tmp_path: Path) -> None:
    manifest = write(tmp_path, 1) / "MANIFEST.json"
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(CheckpointError, match="has format 2, this version reads 1"):
        read_checkpoint(manifest.parent)


def test_a_manifest_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    manifest = write(tmp_path, 1) / "MANIFEST.json"
    content = json.loads(manifest.read_text())
    content["files"]["../evil.safetensors"] = content["files"].pop("model.safetensors")
    manifest.write_text(json.dumps(content, indent=2) + "\n")
    with pytest.raises(CheckpointError, match="evil"):
        read_checkpoint(manifest.parent)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 2**42) + b"{}",
        struct.pack("<Q", 5) + b"hello",
        b"\x80\x04\x95pickle",
    ],
    ids=["empty", "short", "header_2^62", "header_4TiB", "no_json", "pickle"],
)
def test_a_file_that_is_no_safetensors_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"w\.safetensors"):
        read_weights(tmp_path / "w.safetensors")


def test_missing_weights_and_a_directory_in_their_place_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "w.safetensors", tmp_path):
        with pytest.raises(CheckpointError, match=str(path)):
            read_weights(path)


# Sudden ends


@posix
@pytest.mark.parametrize("point", CRASH_POINTS)
def test_killed_at_a_crash_point_a_whole_checkpoint_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    for step in (1, 2):
        write(tmp_path, step)
    monkeypatch.setenv("MINIMAGEN_CRASH_AT", point)
    assert in_child(lambda: write(tmp_path, 3)) == -signal.SIGKILL
    monkeypatch.delenv("MINIMAGEN_CRASH_AT")

    found, skipped = newest_checkpoint(tmp_path)
    assert found is not None
    assert skipped == []
    newest = 3 if point in ("after_rename", "during_retention") else 2
    assert read_checkpoint(found).tensors["optimizer"]["step"] == newest
    sweep(tmp_path)
    write(tmp_path, 3)
    write(tmp_path, 4)
    assert steps(tmp_path) == ["step_00000003", "step_00000004"]


def test_sweeping_leaves_other_stages_alone(tmp_path: Path) -> None:
    for name in ("unet_0_raw.safetensors.tmp-1-ab", "unet_1_raw.safetensors.tmp-1-ab"):
        (tmp_path / name).mkdir()
    sweep(tmp_path, "unet_0_*")
    assert steps(tmp_path) == ["unet_1_raw.safetensors.tmp-1-ab"]
    sweep(tmp_path / "missing")


@posix
def test_a_file_size_limit_says_disk_full_and_keeps_the_old(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write_weights(tmp_path / "w.safetensors", {"a": torch.ones(2)})
    big = {"a": torch.zeros(50_000)}  # 200,000 bytes

    def limited() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        with pytest.raises(TrainingError, match=r"step_00000002: disk full.*200,"):
            write_checkpoint(tmp_path, 2, {"model": big}, {})
        with pytest.raises(TrainingError, match=r"step_00000002: disk full.*200,"):
            write_checkpoint(tmp_path, 2, {}, {"text": "x" * 200_000})
        with pytest.raises(TrainingError, match=r"w\.safetensors: disk full.*200,000"):
            write_weights(tmp_path / "w.safetensors", big)
        with pytest.raises(TrainingError, match=r"t\.txt: disk full.*200,000"):
            write_text(tmp_path / "t.txt", "x" * 200_000)
        with pytest.raises(TrainingError, match=r"t\.png: disk full.*200,000"):
            write_bytes(tmp_path / "t.png", b"x" * 200_000)
        with pytest.raises(TrainingError, match=r"log\.txt: disk full.*200,000"):
            append_text(tmp_path / "log.txt", "x" * 200_000)
        (tmp_path / "log.txt").unlink()

    assert in_child(limited) == 0
    assert steps(tmp_path) == ["step_00000001", "w.safetensors"]
    assert newest_checkpoint(tmp_path) == (tmp_path / "step_00000001", [])
    assert read_weights(tmp_path / "w.safetensors")["a"].eq(1).all()


def test_a_full_disk_is_seen_before_anything_is_written(tmp_path: Path) -> None:
    huge = torch.empty(1, 1).expand(2**24, 2**24)  # 1 PiB that takes no memory
    with pytest.raises(TrainingError, match="disk full") as caught:
        write_checkpoint(tmp_path, 1, {"model": {"a": huge}}, {})
    assert f"{int(2.2 * 2**50):,}"[:8] in str(caught.value)
    assert steps(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 2 MiB, where that is allowed."""
    with mounted(tmp_path, "size=2m") as disk:
        yield disk


def test_a_disk_that_fills_up_keeps_the_old_checkpoint(small_disk: Path) -> None:
    half = {"model": {"a": torch.zeros(120_000)}}  # 480,000 bytes of 2,097,152
    write_checkpoint(small_disk, 1, half, {})
    (small_disk / "other").write_bytes(b"x" * 900_000)
    with pytest.raises(TrainingError, match=r"disk full, 1,056,\d+ bytes are needed"):
        write_checkpoint(small_disk, 2, half, {})  # would fit once, but not with its weights
    with pytest.raises(TrainingError, match=r"w\.safetensors: disk full, 4,000,000 bytes"):
        write_weights(small_disk / "w.safetensors", {"a": torch.zeros(1_000_000)})
    assert steps(small_disk) == ["other", "step_00000001"]
    assert newest_checkpoint(small_disk) == (small_disk / "step_00000001", [])


def test_a_place_that_is_no_directory_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="cannot be written"):
        write(tmp_path / "file", 1)
    with pytest.raises(TrainingError, match="cannot be written"):
        write_text(tmp_path / "file" / "t.txt", "")
    with pytest.raises(CheckpointError, match="cannot be made"), stage_lock(tmp_path / "file"):
        pass


# The lock


@posix
def test_a_second_process_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    def second() -> None:
        with stage_lock(tmp_path / "stage"):
            pass

    with stage_lock(tmp_path / "stage"):
        assert in_child(second) == LockedError.exit_code == 4
        with (
            pytest.raises(LockedError, match=f"locked by pid {os.getpid()} on host .* since 2"),
            stage_lock(tmp_path / "stage"),
        ):
            pass
    assert in_child(second) == 0
    assert json.loads((tmp_path / "stage" / "run.lock").read_text())["pid"] != os.getpid()


@posix
def test_a_killed_holder_frees_the_lock_though_its_worker_lives_on(tmp_path: Path) -> None:
    """A data worker is forked under the lock and notices its parent's death seconds later."""
    read_end, write_end = os.pipe()

    def hold_fork_and_die() -> None:
        with stage_lock(tmp_path):
            worker = os.fork()
            if worker == 0:
                os.write(write_end, os.getpid().to_bytes(4, "little"))
                signal.pause()
            signal.pause()

    holder = os.fork()
    if holder == 0:
        hold_fork_and_die()
    worker = int.from_bytes(os.read(read_end, 4), "little")
    try:
        with pytest.raises(LockedError, match=f"pid {holder}"), stage_lock(tmp_path):
            pass
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
        with stage_lock(tmp_path):
            os.kill(worker, 0)  # raises if it were gone
    finally:
        os.kill(worker, signal.SIGKILL)
