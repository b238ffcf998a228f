"""What fewer bits a weight cost:  python -m benchmarks.quantised -d training_<TIMESTAMP>.

Releases a run in every kind of weights and asks of each: how large is it, how long does it take to
load, how many held-out captions of the built-in data are right at the base's size, and how near are
its pictures to those of full precision, from the same seeds? Needs a run of the built-in data.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.record import MEASURED, print_table, save
from minimagen.cli.comparing import decibels
from minimagen.cli.presenting import variant_of
from minimagen.data.world import Variant
from minimagen.evaluation.held_out import accuracy, asked, drawn
from minimagen.evaluation.shares import share
from minimagen.grid import captioned_grid
from minimagen.imagen import Imagen
from minimagen.packing import DTYPES, Dtype
from minimagen.release.manifest import READ
from minimagen.weights import weights_path

CAPTIONS, FINISHED = 256, 6  # judged at the base's size; drawn through all stages
PARTS = "base", "last"
COLUMNS = ("weights", "MB", "load, s", "right", "95 % interval", "of", "dB, base", "dB, last")


def measure(
    imagen: Imagen, dtype: Dtype, captions: Sequence[str], variant: Variant, where: Path
) -> dict[str, Any]:
    """Release a cascade, load that, draw and judge; returns what was found and the pictures."""
    imagen.save_pretrained(where, dtype=dtype)
    began = time.process_time()
    loaded = Imagen.load(where, "cpu", precision="no")
    seconds = time.process_time() - began
    pictures = list(drawn(loaded, captions))
    kinds = accuracy(pictures, captions, variant, loaded.stages[0].config.size)
    right = share(round(sum(kind.share * kind.count for kind in kinds)), len(captions))
    files = [weights_path(where, stage.index) for stage in loaded.stages]
    return {
        "dtype": dtype,
        "bytes": sum(file.stat().st_size for file in files),
        "bytes_of_all_that_is_read": sum(
            file.stat().st_size for part in READ for file in (where / part).iterdir()
        ),
        "load_seconds": round(seconds, 3),
        "right": right.value,
        "interval": [right.low, right.high],
        "count": len(captions),
        "kinds": {kind.what: [kind.share, kind.count] for kind in kinds},
        "base": [Image.fromarray(np.asarray(picture)) for picture in pictures],
        "last": loaded.generate(captions[:FINISHED]),
    }


def compared(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Replace pictures by how near they come to the first ones, in dB."""
    first = found[0]
    return [
        {name: value for name, value in one.items() if name not in PARTS}
        | {f"{part}_db": decibels(first[part], one[part]) for part in PARTS}
        for one in found
    ]


def _row(one: dict[str, Any]) -> list[str]:
    low, high = one["interval"]
    near = ["-" if one[f"{part}_db"] is None else f"{one[f'{part}_db']:.1f}" for part in PARTS]
    return [
        one["dtype"],
        f"{one['bytes'] / 1e6:.2f}",
        f"{one['load_seconds']:.2f}",
        f"{one['right']:.3f}",
        f"{low:.3f} to {high:.3f}",
        str(one["count"]),
        *near,
    ]


def main() -> None:
    """Measure every kind of weights, print the table, write JSON and a sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-d", "--directory", type=Path, required=True, help="a training directory")
    parser.add_argument("-n", "--number", type=int, default=CAPTIONS, help="captions to judge")
    parser.add_argument("--dry", action="store_true", help="write nothing into docs/measured")
    options = parser.parse_args()
    torch.set_num_threads(1)
    variant = variant_of(options.directory)
    if variant is None:
        parser.error(f"{options.directory}: was not trained on the built-in data")
    captions = asked(variant, options.number)
    imagen = Imagen.load(options.directory, "cpu", precision="no")
    with TemporaryDirectory() as folder:
        found = [
            measure(imagen, dtype, captions, variant, Path(folder) / dtype) for dtype in DTYPES
        ]
    rows = compared(found)
    print_table(COLUMNS, [_row(row) for row in rows])
    if options.dry:
        return
    about = {"data": variant, "parameters": imagen.config.imagen.about, "found": rows}
    save("quantised", "python -m benchmarks.quantised -d training_<TIMESTAMP>", about)
    columns = zip(*(one["last"] for one in found), strict=True)
    sheet = captioned_grid(columns, captions[:FINISHED], cell=160, columns=2, headings=DTYPES)
    sheet.quantize(128).save(MEASURED / "quantised.png", optimize=True)


if __name__ == "__main__":
    main()
