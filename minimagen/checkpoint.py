"""Named tensors and JSON in a directory that either verifies or is passed over.

A checkpoint is built beside its place, synced to the disk, described by a manifest of SHA-256 sums
and only then renamed; older ones go last. So a process killed at any moment leaves at least the
checkpoint it had. No pickle is written or read. Single files are written with the same promise.
What the tensors mean (networks, optimizers) is not known here; who may write, ``locking`` says.
"""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import StringConstraints
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from minimagen.config import config, dump, parse
from minimagen.errors import CheckpointError, ConfigError, NoValidCheckpointError, TrainingError

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
FileName = Annotated[str, StringConstraints(pattern=r"^[\w.-]+$")]  # inside the directory

FORMAT = 1
NOTE = "note"  # in a weights file's header
MANIFEST, STATE, TENSORS = "MANIFEST.json", "state.json", ".safetensors"
SPACE = 2.2  # free bytes wanted per byte of a checkpoint: itself, copies of its weights, a margin
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

# Checkpoints that this process wrote or verified. Retention trusts them, so that it need not read
# gigabytes again at every step; whoever loads one verifies it afresh.
_verified: set[Path] = set()


@config
class FileRecord:
    """What a file of a checkpoint must be."""

    sha256: str
    size: int  # in bytes


@config
class Manifest:
    """What a checkpoint consists of; the last file written into it."""

    format: int
    step: int
    files: dict[FileName, FileRecord]


@dataclass(frozen=True)
class Checkpoint:
    """What :func:`write_checkpoint` was given."""

    step: int
    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]


# Writing


def write_checkpoint(
    root: Path,
    step: int,
    tensors: Mapping[str, Mapping[str, Tensor]],
    state: Mapping[str, Json],
    *,
    keep: int = 2,
) -> Path:
    """Write ``root/step_<NNNNNNNN>`` whole or not at all, then drop the oldest ones.

    Nothing happens when that step is already there and verifies; a damaged one is replaced.

    Args:
        root: directory of the checkpoints; made when missing.
        step: optimizer steps done, at least 0.
        tensors: groups of named tensors, one file a group.
        state: everything that is no tensor.
        keep: how many verified checkpoints to keep, at least 1.

    Returns:
        The checkpoint's directory.

    Raises:
        TrainingError: when the disk is full or cannot be written; older checkpoints are intact.
    """
    assert keep >= 1, "the last verified checkpoint is never deleted"
    final = root / f"step_{step:08d}"
    if final.exists() and complaint_of(final) is None:
        return final
    text = _to_json(state)
    needed = sum(map(_size, tensors.values())) + len(text)
    with _explained(final, needed):
        root.mkdir(parents=True, exist_ok=True)
        sync_directory(root.parent)
        _require_space(root, int(SPACE * needed))
        with _scratch(final) as building:
            _fill(building, step, tensors, text)
            _put(building, final)
        _retain(root, keep)
    return final


def write_weights(path: Path, tensors: Mapping[str, Tensor], note: str | None = None) -> None:
    """Write or replace one safetensors file at once; equal tensors give equal bytes.

    Args:
        path: the file; its directory is made when missing.
        tensors: what it holds.
        note: text for its header, which :func:`read_note` reads.

    Raises:
        TrainingError: when the disk is full or cannot be written; the old file is intact.
    """
    with replacing(path, _size(tensors)) as building:
        _save(building, tensors, note)


def write_text(path: Path, text: str) -> None:
    """Write or replace one UTF-8 text file at once.

    Raises:
        TrainingError: when the disk is full or cannot be written; the old file is intact.
    """
    with replacing(path, len(text)) as building:
        _save_text(building, text)


def write_bytes(path: Path, data: bytes) -> None:
    """Write or replace one file at once.

    Raises:
        TrainingError: when the disk is full or cannot be written; the old file is intact.
    """
    with replacing(path, len(data)) as building:
        building.write_bytes(data)
        _sync(building)


def append_text(path: Path, text: str) -> None:
    """Append UTF-8 text to a file, for what may be lost in a crash of the machine.

    Raises:
        TrainingError: when the disk is full or cannot be written.
    """
    with _explained(path, len(text)), path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)


# Reading


def newest_checkpoint(root: Path) -> tuple[Path | None, list[str]]:
    """Find the newest checkpoint that verifies.

    Returns:
        Its directory, or None when there are no checkpoints at all; and for each newer one that was
        skipped a line that says why.

    Raises:
        NoValidCheckpointError: when checkpoints exist and none verifies.
    """
    skipped: list[str] = []
    for path in newest_first(root):
        complaint = complaint_of(path)
        if complaint is None:
            return path, skipped
        skipped.append(complaint)
    if skipped:
        raise NoValidCheckpointError(
            f"{root}: none of the {len(skipped)} checkpoints verifies ({'; '.join(skipped)}); "
            "bring one back from a copy, or start a new run"
        )
    return None, skipped


def read_checkpoint(path: Path) -> Checkpoint:
    """Verify a checkpoint and read it.

    Raises:
        CheckpointError: naming the first file that is missing or damaged.
    """
    manifest = _verify(path)
    groups = [name.removesuffix(TENSORS) for name in manifest.files if name.endswith(TENSORS)]
    return Checkpoint(
        step=manifest.step,
        tensors={group: read_weights(path / f"{group}{TENSORS}") for group in groups},
        state=json.loads(_read(path / STATE)),
    )


def read_manifest(path: Path) -> Manifest:
    """Read what a checkpoint is said to consist of; its files are not looked at.

    Raises:
        CheckpointError: when the manifest is missing or damaged.
    """
    where = path / MANIFEST
    text = _read(where)
    require_format(where, text, FORMAT, "continue it with the version of minimagen that wrote it")
    try:
        manifest = parse(Manifest, text, str(where))
    except ConfigError as error:
        raise CheckpointError(f"{error}; the checkpoint is damaged") from None
    if dump(manifest) != text or path.name != f"step_{manifest.step:08d}":
        raise CheckpointError(f"{where}: is not as it was written; the checkpoint is damaged")
    return manifest


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file into memory, on the CPU.

    Raises:
        CheckpointError: when it is missing or is not a whole safetensors file.
    """
    try:
        # Cloned off the memory map: nothing done to the file afterwards can reach these tensors.
        return {name: tensor.clone() for name, tensor in load_file(path).items()}
    except FileNotFoundError:
        raise CheckpointError(f"{path}: is missing; bring the file, or name another") from None
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path}: is no whole safetensors file ({error}); bring it back from a copy"
        ) from None


def read_note(path: Path) -> str:
    """Read the note in a weights file's header, and nothing else of it.

    Raises:
        CheckpointError: when it has none, is missing or is not a whole safetensors file.
    """
    try:
        with safe_open(path, "pt") as file:
            header: dict[str, str] = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path}: is no whole safetensors file ({error}); bring it back from a copy"
        ) from None
    if NOTE not in header:
        raise CheckpointError(f"{path}: does not say what it holds; make it again")
    return header[NOTE]


def verify_file(path: Path, record: FileRecord) -> None:
    """Compare a file with its record, the cheap way first.

    Raises:
        CheckpointError: when it is missing, or another one.
    """
    try:
        size = path.stat().st_size
        if size != record.size:
            raise CheckpointError(f"{path}: has {size} bytes instead of {record.size}")
        if sha256_of(path) != record.sha256:
            raise CheckpointError(f"{path}: has {size} bytes, but not those that were written")
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from None


def record_of(path: Path) -> FileRecord:
    """Return what a file is, so that it can be verified later."""
    return FileRecord(sha256=sha256_of(path), size=path.stat().st_size)


def sha256_of(path: Path) -> str:
    """Hash a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sweep(root: Path, pattern: str = "*") -> None:
    """Remove what killed writers left half-made.

    Only the holder of the stage's lock may call this: the lock is what says that they are dead.

    Args:
        root: directory of checkpoints or of weights; it may be missing.
        pattern: whose leftovers, as a glob on the final name; other stages write beside this one.
    """
    for leftover in root.glob(f"{pattern}.tmp-*"):
        with _explained(leftover, 0):
            _remove(leftover)


# Building beside, then renaming


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """Lend a directory beside ``path``; whatever is still in it afterwards is removed."""
    scratch = beside(path)
    scratch.mkdir(parents=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def replacing(path: Path, needed: int) -> Iterator[Path]:
    """Lend a path to write; what was written there takes the place of ``path``.

    Raises:
        TrainingError: when the disk is full or cannot be written; the old file is intact.
    """
    # A directory of its own, for safetensors too writes beside and renames.
    with _explained(path, needed), _scratch(path) as scratch:
        building = scratch / path.name
        yield building
        building.replace(path)
        sync_directory(path.parent)


def beside(path: Path) -> Path:
    """Return a path in the same directory that nobody else uses, to build or to discard in."""
    return path.with_name(f"{path.name}.tmp-{os.getpid()}-{secrets.token_hex(4)}")


def _fill(
    building: Path, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: str
) -> None:
    for group, named in tensors.items():
        _save(building / f"{group}{TENSORS}", named)
        _crash_point(f"after_{group}")
    _save_text(building / STATE, state)
    _crash_point("before_manifest")
    records = {path.name: record_of(path) for path in sorted(building.iterdir())}
    _save_text(building / MANIFEST, dump(Manifest(format=FORMAT, step=step, files=records)))
    sync_directory(building)


def _put(building: Path, final: Path) -> None:
    _crash_point("before_rename")
    if final.exists():
        _discard(final)
    building.rename(final)
    sync_directory(final.parent)
    _verified.add(final.resolve())
    _crash_point("after_rename")


def _retain(root: Path, keep: int) -> None:
    """Drop whatever is older than the newest ``keep`` verified ones."""
    kept = 0
    for path in newest_first(root):
        if kept == keep:
            _discard(path)
        elif path.resolve() in _verified or complaint_of(path) is None:
            kept += 1


def _discard(path: Path) -> None:
    doomed = beside(path)  # renamed first, so that half-deleted is a leftover and no damage
    _verified.discard(path.resolve())
    path.rename(doomed)
    _crash_point("during_retention")
    _remove(doomed)


def _remove(path: Path) -> None:
    """Remove a directory, or what stands in the place of one: a link to it, or a file."""
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    else:
        shutil.rmtree(path)


def _save(path: Path, tensors: Mapping[str, Tensor], note: str | None = None) -> None:
    path.touch()
    mode = path.stat().st_mode  # as the umask wants it; safetensors makes its files private
    # One entry only: safetensors writes several in any order, and equal runs give equal bytes.
    save_file(_plain(tensors), path, metadata={"format": "pt"} if note is None else {NOTE: note})
    path.chmod(mode)
    _sync(path)


def _save_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
    _sync(path)


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Make tensors contiguous, on the CPU, and each the only one on its storage."""
    plain: dict[str, Tensor] = {}
    storages: set[int] = set()
    for name, tensor in tensors.items():
        owned = tensor.detach().cpu().contiguous()
        storage = owned.untyped_storage().data_ptr()
        plain[name] = owned.clone() if storage in storages else owned
        storages.add(storage)
    return plain


def _to_json(state: Mapping[str, Json]) -> str:
    return json.dumps(state, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Flush which names are in a directory to the disk."""
    if os.name == "nt":  # Windows opens no directories, and needs none synced
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _crash_point(name: str) -> None:
    """Die here as if the power had gone, when a test asks for it."""
    if os.environ.get("MINIMAGEN_CRASH_AT") == name:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


# Verifying


def newest_first(root: Path) -> list[Path]:
    """List checkpoints by step, never by time."""
    paths = root.glob("step_*") if root.is_dir() else []
    found = {path: re.fullmatch(r"step_(\d{8,})", path.name) for path in paths}
    return sorted((p for p, m in found.items() if m), key=_step_of, reverse=True)


def _step_of(path: Path) -> int:
    return int(path.name.removeprefix("step_"))


def complaint_of(path: Path) -> str | None:
    """Say in one line why a checkpoint does not verify; None when it does."""
    try:
        _verify(path)
    except CheckpointError as error:
        return str(error)
    _verified.add(path.resolve())
    return None


def _verify(path: Path) -> Manifest:
    manifest = read_manifest(path)
    for name, record in manifest.files.items():
        verify_file(path / name, record)
    return manifest


def require_format(where: Path, text: str, known: int, advice: str) -> None:
    """Refuse another version's manifest by its number, before its other keys look like damage.

    Args:
        where: the file.
        text: what is in it.
        known: the number that this version reads.
        advice: what to do with another one.

    Raises:
        CheckpointError: for another number.
    """
    try:
        number = json.loads(text)["format"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return  # damaged, as reading it will say
    if isinstance(number, int) and number != known:
        raise CheckpointError(f"{where}: has format {number}, this version reads {known}; {advice}")


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise CheckpointError(f"{path}: cannot be read ({reason})") from None


# A full disk


def _size(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _require_space(root: Path, needed: int) -> None:
    free = shutil.disk_usage(root).free
    if free < needed:
        raise TrainingError(_disk_full(root, needed, f"{free:,} are free"))


@contextmanager
def _explained(path: Path, needed: int) -> Iterator[None]:
    """Turn a failed write into one line; what was written before is still there."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = str(error)
        if _errno(error) in FULL:
            raise TrainingError(_disk_full(path, needed, reason)) from error
        raise TrainingError(f"{path}: cannot be written ({reason}); make it writable") from error


def _errno(error: Exception) -> int | None:
    """Find the system's error number; safetensors has it in its message only."""
    if isinstance(error, OSError):
        return error.errno
    said = re.search(r"\(os error (\d+)\)", str(error))
    return int(said[1]) if said else None


def _disk_full(path: Path, needed: int, reason: str) -> str:
    return (
        f"{path}: disk full, {needed:,} bytes are needed ({reason}); "
        "what was saved before is intact: make room and go on from there"
    )
