"""What opening a large data set costs:  python -m benchmarks.opening.

First, tables of a million rows (paths of 17 letters, captions of about 70) are listed, each in a
process of its own: CPU seconds, and how much memory that process took more than before. Then a
folder of JPEG files is opened, headers and captions of all of them read, and what a million would
take.
"""

import json
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.record import print_table, save
from minimagen.data.listing import Request
from minimagen.data.sources import DataConfig, list_dataset, open_source

ROWS = 1_000_000
FORMATS = ("jsonl", "csv", "parquet")
PICTURES = 20_000
COLUMNS = "table", "rows", "MB on disk", "CPU seconds", "MB of memory", "bytes per row"


def rows(count: int) -> Iterator[tuple[str, str]]:
    """Yield file names and captions."""
    for number in range(count):
        caption = f"a photograph of thing {number} beside another, in the light of the evening"
        yield f"{number // 1000:04}/{number:08}.jpg", caption


def write(path: Path, count: int) -> None:
    """Write a table of the first rows."""
    if path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        names, captions = zip(*rows(count), strict=True)
        pyarrow.parquet.write_table(pyarrow.table({"file_name": names, "text": captions}), path)
        return
    with path.open("w") as file:
        if path.suffix == ".csv":
            file.write("file_name,text\n")
            file.writelines(f'{name},"{caption}"\n' for name, caption in rows(count))
        else:
            lines = ({"file_name": name, "text": caption} for name, caption in rows(count))
            file.writelines(json.dumps(line) + "\n" for line in lines)


def few_of(path: Path) -> Path:
    """Name the table of a few rows that lies beside another."""
    return path.with_stem("few")


def peak_mb() -> float:
    """Return the most memory this process has held; Linux only.

    ``ru_maxrss`` would not do: a process begins with its parent's.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measure_table(path: Path) -> dict[str, Any]:
    """List a table; in a fresh process."""
    list_dataset(Request(dataset=str(few_of(path))))  # what importing packages takes
    before, started = peak_mb(), time.process_time()
    listing = list_dataset(Request(dataset=str(path)))
    seconds, memory = time.process_time() - started, peak_mb() - before
    assert len(listing.names) == ROWS
    return {
        "table": path.suffix[1:],
        "rows": ROWS,
        "file_mb": round(path.stat().st_size / 1e6),
        "cpu_seconds": round(seconds, 1),
        "memory_mb": round(memory),
        "bytes_per_row": round(memory * 2**20 / ROWS),
    }


def write_pictures(root: Path) -> None:
    """Write a folder of small JPEG files with captions beside them."""
    picture = root / "picture.jpg"
    Image.effect_noise((256, 256), 40).convert("RGB").save(picture)
    content = picture.read_bytes()
    picture.unlink()
    for name, caption in rows(PICTURES):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        path.with_suffix(".txt").write_text(caption)


def measure_folder(root: Path) -> dict[str, Any]:
    """Open a folder of pictures, cached by the system as it was just written."""
    started = time.process_time()
    source, _ = open_source(DataConfig(dataset=str(root)), check_size=64)
    seconds = time.process_time() - started
    per_million = seconds / len(source) * 1e6
    return {
        "pictures": len(source),
        "cpu_seconds": round(seconds, 1),
        "cpu_minutes_per_million": round(per_million / 60, 1),
    }


def main() -> None:
    """Run the benchmark, print its tables, write its JSON."""
    context = multiprocessing.get_context("spawn")
    tables = []
    with tempfile.TemporaryDirectory() as name:
        for suffix in FORMATS:
            path = Path(name) / f"table.{suffix}"
            write(path, ROWS)
            write(few_of(path), 10)
            with context.Pool(1) as pool:
                tables.append(pool.apply(measure_table, [path]))
            path.unlink()
        write_pictures(Path(name))
        folder = measure_folder(Path(name))
    print_table(COLUMNS, [list(row.values()) for row in tables])
    print_table(list(folder), [list(folder.values())])
    save("opening", "python -m benchmarks.opening", {"tables": tables, "folder": folder})


if __name__ == "__main__":
    main()
