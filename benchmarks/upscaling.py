"""Enlarging pictures that were never seen:  python -m benchmarks.upscaling -d training_<TIMESTAMP>.

Held-out scenes are drawn at 64 px and enlarged to 256 and 512 px; PSNR in dB against the same
scenes drawn at that size, beside bicubic and Lanczos enlargement, and the share of scenes in which
a way beats both. "No noise" adds nothing to the small picture, "one step" asks once.

Then one large scene of 250 px becomes one of 2,000 px, without a caption, in tiles and at once. A
seam would be a jump between the pixels on both sides of a border, so the largest and the mean jumps
are compared; "tiles cut apart" shows what the measure says where tiles know nothing of each other.
Last, what the tiles save in memory.

    python train.py -p parameters/tiny -ts upper \
        --SET training.images=[32,16000,6000] --SET training.batch_size=[32,16,16] \
        --SET training.data.shapes.variant=scenes --SET training.data.shapes.size=4096
"""

import argparse
import json
import resource
import time
from collections.abc import Sequence
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.record import MEASURED, print_table, save
from minimagen.data.drawing import draw
from minimagen.data.grammar import Draws
from minimagen.data.shapes import scene_for
from minimagen.data.world import COLOURS, GROUND, HELD_OUT, SHAPES, Scene, Thing
from minimagen.grid import captioned_grid
from minimagen.imagen import Imagen

EACH = 2  # scenes of each held-out combination
WAYS: dict[str, dict[str, Any]] = {
    "as the parameter file says": {},
    "no noise": {"augmentation": 0.0},
    "one step, no noise": {"steps": 1, "augmentation": 0.0},
}
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}
QUICK = "one step, no noise"
LARGE, UNIT = 250, 64  # side of the large scene in pixels, and of its unit of length
TILE, WHOLE = 512, 4096  # the second one is larger than the picture
SEED = 3
PARTS = "quality", "seams", "memory"

Levels = NDArray[np.float64]  # (H, W, 3), 0 to 255


def psnr(picture: Image.Image, truth: Image.Image) -> float:
    """Return the PSNR of a picture in dB."""
    error = np.square(np.asarray(picture, np.float64) - np.asarray(truth)).mean()
    return float(10 * np.log10(255**2 / error))


def held_out_scenes() -> list[Scene]:
    """Draw scenes of colours and shapes that training never shows together."""
    return [scene_for(pair, SEED, number) for pair in HELD_OUT for number in range(EACH)]


def enlarged(
    imagen: Imagen, scenes: Sequence[Scene], small: Sequence[Image.Image], size: int
) -> dict[str, list[Image.Image]]:
    """Enlarge pictures in every way."""
    stages = [stage.index for stage in imagen.stages[1:] if stage.config.size <= size]
    captions = [scene.caption for scene in scenes]
    found = {
        name: [picture.resize((size, size), how) for picture in small]
        for name, how in FILTERS.items()
    }
    for name, how in WAYS.items():
        found[name] = imagen.upscale(small, captions, stages=stages, **how)
    return found


def quality(imagen: Imagen, scenes: Sequence[Scene]) -> dict[str, dict[str, float]]:
    """Return the mean PSNR of every way at 256 and 512 px, and how often it beats both filters."""
    small = [Image.fromarray(draw(scene, imagen.stages[0].config.size)) for scene in scenes]
    found: dict[str, dict[str, float]] = {}
    for stage in imagen.stages[1:]:
        size = stage.config.size
        truth = [Image.fromarray(draw(scene, size)) for scene in scenes]
        scores = {
            name: [psnr(picture, true) for picture, true in zip(pictures, truth, strict=True)]
            for name, pictures in enlarged(imagen, scenes, small, size).items()
        }
        bar = [max(pair) for pair in zip(scores["bicubic"], scores["lanczos"], strict=True)]
        for name, values in scores.items():
            ahead = np.mean([value > best for value, best in zip(values, bar, strict=True)])
            entry = found.setdefault(name, {})
            entry[f"{size} px"] = round(float(np.mean(values)), 2)
            entry[f"{size} px, best"] = round(float(ahead), 2)
    return found


def large_scene(side: float) -> Scene:
    """Scatter things over a picture of so many units a side, tile borders going through many."""
    draws, things = Draws("upscaling", SEED), []
    for row, column in product(range(1, int(side * 2)), repeat=2):
        shape, colour = draws.pick(list(SHAPES["scenes"])), draws.pick(list(COLOURS))
        x, y = (0.5 * place + draws.between(-0.03, 0.03) for place in (column, row))
        things.append(Thing(shape, colour, x, y, draws.between(0.12, 0.2)))
    return Scene(tuple(things), "", GROUND)


def jumps(picture: Image.Image, tile: int) -> dict[str, float]:
    """Compare steps between neighbouring pixels at tile borders with those everywhere else."""
    levels: Levels = np.asarray(picture, np.float64)
    found: dict[str, list[Levels]] = {"border": [], "inside": []}
    for turned in (levels, levels.transpose(1, 0, 2)):
        step = np.abs(np.diff(turned, axis=0))
        at_border = (np.arange(len(step)) + 1) % tile == 0
        found["border"].append(step[at_border].ravel())
        found["inside"].append(step[~at_border].ravel())
    border, inside = (np.concatenate(found[name]) for name in ("border", "inside"))
    return {
        "largest across a border": round(float(border.max()), 1),
        "largest within a tile": round(float(inside.max()), 1),
        "mean across": round(float(border.mean()), 3),
        "mean within": round(float(inside.mean()), 3),
    }


def cut_apart(imagen: Imagen, small: Image.Image, tile: int, times: int) -> Image.Image:
    """Enlarge pieces of a picture on their own, and put them side by side."""
    side = tile // times
    whole = Image.new("RGB", (small.width * times, small.height * times))
    for top, left in product(range(0, small.height, side), range(0, small.width, side)):
        box = left, top, min(left + side, small.width), min(top + side, small.height)
        piece = small.crop(box)
        padded = Image.new("RGB", (side, side))
        padded.paste(piece)
        [larger] = imagen.upscale([padded], **WAYS[QUICK])
        cropped = larger.crop((0, 0, piece.width * times, piece.height * times))
        whole.paste(cropped, (left * times, top * times))
    return whole


def seams(imagen: Imagen, folder: Path) -> dict[str, dict[str, float]]:
    """Enlarge a large scene in tiles, at once and cut apart, and look for borders."""
    scene, times = large_scene(LARGE / UNIT), imagen.stages[-1].config.size // UNIT
    small = Image.fromarray(draw(scene, UNIT, (LARGE, LARGE)))
    truth = Image.fromarray(draw(scene, UNIT * times, (LARGE * times, LARGE * times)))
    tile, made = TILE, {}
    for name, side in (("tiles", tile), ("at once", WHOLE)):
        [made[name]] = imagen.upscale([small], tile=side, **WAYS[QUICK])
    made["tiles cut apart"] = cut_apart(imagen, small, tile, times)
    made["bicubic"] = small.resize(truth.size, Image.Resampling.BICUBIC)
    whole = np.asarray(made["at once"], int)
    made["tiles"].save(folder / "upscaled_2000.png")
    return {
        name: {
            **jumps(picture, tile),
            "PSNR, dB": round(psnr(picture, truth), 2),
            "largest difference from at once": int(np.abs(np.asarray(picture, int) - whole).max()),
        }
        for name, picture in made.items()
    }


def _peak(run: Path, tile: int) -> tuple[float, float]:
    """Return the memory that enlarging takes at its peak in MB, and the seconds of a processor."""
    imagen = Imagen.load(run, device="cpu")
    imagen.encode([""])
    scene = large_scene(LARGE / UNIT)
    small = Image.fromarray(draw(scene, UNIT, (LARGE, LARGE)))
    before, started = _resident(), time.process_time()
    imagen.upscale([small], tile=tile, **WAYS[QUICK])
    return _resident() - before, time.process_time() - started


def _resident() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def memory(run: Path) -> dict[str, dict[str, float]]:
    """Return peak memory and time by the side of a tile, each in a process of its own."""
    found = {}
    for tile in (TILE, WHOLE):
        with get_context("spawn").Pool(1) as pool:
            peak, seconds = pool.apply(_peak, (run, tile))
        name = "at once" if tile == WHOLE else f"tiles of {tile} px"
        found[name] = {"peak, MB": round(peak), "CPU seconds": round(seconds, 1)}
    return found


def sheet(imagen: Imagen, scenes: Sequence[Scene]) -> Image.Image:
    """Show a part of some pictures, enlarged in three ways and as they are."""
    size, captions = imagen.stages[-1].config.size, [scene.caption for scene in scenes]
    small = [Image.fromarray(draw(scene, imagen.stages[0].config.size)) for scene in scenes]
    ours = imagen.upscale(small, captions)
    rows = []
    for scene, little, own in zip(scenes, small, ours, strict=True):
        shown = [little.resize((size, size), how) for how in FILTERS.values()]
        truth = Image.fromarray(draw(scene, size))
        corner = [max(0, min(int(size * at), size - 128)) for at in _middle(scene)]
        box = (*corner, corner[0] + 128, corner[1] + 128)
        rows.append([picture.crop(box) for picture in (*shown, own, truth)])
    headings = ("bicubic", "Lanczos", "minimagen", "true")
    return captioned_grid(rows, captions, cell=128, columns=2, headings=headings)


def _middle(scene: Scene) -> tuple[float, float]:
    return scene.things[0].x, scene.things[0].y


def main() -> None:
    """Run the benchmark, print its tables, write its JSON and its picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-d", "--directory", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, default=Path(), help="of the 2,000 px picture")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    options = parser.parse_args()
    imagen, scenes = Imagen.load(options.directory, device="cpu"), held_out_scenes()
    measures = {
        "quality": lambda: quality(imagen, scenes),
        "seams": lambda: seams(imagen, options.output),
        "memory": lambda: memory(options.directory),
    }
    for part in options.parts:
        table = measures[part]()
        columns = list(next(iter(table.values())))
        print_table((part, *columns), [[row, *cells.values()] for row, cells in table.items()])
        keep(part, table)
    if "quality" in options.parts:
        sheet(imagen, scenes[::EACH]).quantize(256).save(MEASURED / "upscaling.png")


def keep(part: str, table: dict[str, dict[str, float]]) -> None:
    """Write one part's table beside those that were measured before."""
    path = MEASURED / "upscaling.json"
    before = json.loads(path.read_text()) if path.is_file() else {}
    parts = {name: before[name] for name in PARTS if name in before} | {part: table}
    save("upscaling", "python -m benchmarks.upscaling -d training_<TIMESTAMP>", parts)


if __name__ == "__main__":
    main()
