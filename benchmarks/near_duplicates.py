"""What finding near duplicates costs:  python -m benchmarks.near_duplicates [--pictures 1000000].

Hashes and thumbnails are drawn at random; a tenth of the pictures are copies of earlier ones with
up to three bits changed. Seconds are the processor's, of one thread.
"""

import argparse
import resource
import time

import numpy as np

from benchmarks.record import print_table, save
from minimagen.preparation.near import NearIndex

BITS, CHANGED = 4, 3
COLUMNS = "pictures", "copies", "found", "seconds", "peak, MB"


def drawn(pictures: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Draw hashes and thumbnails, and say how many of them are copies."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, pictures, dtype=np.uint64)
    thumbnails = rng.integers(0, 256, (pictures, 8, 8, 3), dtype=np.uint8)
    half, copies = pictures // 2, pictures // 10
    copied = rng.integers(0, half, copies)
    places = half + rng.permutation(pictures - half)[:copies]
    hashes[places] = hashes[copied]
    for _ in range(CHANGED):
        hashes[places] ^= np.uint64(1) << rng.integers(0, 64, copies).astype(np.uint64)
    thumbnails[places] = thumbnails[copied]
    return hashes, thumbnails, copies


def measure(pictures: int) -> dict[str, float]:
    """Look each picture up, and add it when it is new."""
    hashes, thumbnails, copies = drawn(pictures)
    started, found = time.process_time(), 0
    index = NearIndex(hashes, thumbnails, BITS)
    for picture in range(pictures):
        if index.find(picture) is None:
            index.add(picture)
        else:
            found += 1
    seconds = round(time.process_time() - started, 1)
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    return {
        "pictures": pictures,
        "copies": copies,
        "found": found,
        "seconds": seconds,
        "peak_mb": peak,
    }


def main() -> None:
    """Measure, print a table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pictures", type=int, default=1_000_000)
    result = measure(parser.parse_args().pictures)
    print_table(COLUMNS, [list(result.values())])
    save("near_duplicates", "python -m benchmarks.near_duplicates", result)


if __name__ == "__main__":
    main()
