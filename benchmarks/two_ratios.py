"""A cascade that learns two aspect ratios draws both:  python -m benchmarks.two_ratios.

Wide and tall pictures of one shape each are drawn from the built-in world and written to a folder
with captions, as a user would have them. The first two stages of the tiny cascade are trained on
them in two buckets. Then every caption is drawn wide and tall, and also square, which was never
trained. A thing is squashed when its bounding box is not as wide for its height as its shape is.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

import train
from benchmarks.record import MEASURED, print_table, save
from minimagen.data.drawing import draw
from minimagen.data.grammar import Draws, one
from minimagen.data.items import Picture
from minimagen.data.world import COLOURS, GROUND, SHAPES, SIZES, Scene, Thing
from minimagen.evaluation.caption_accuracy import CHROMA, caption_accuracy
from minimagen.grid import captioned_grid
from minimagen.imagen import Imagen, to_pictures

ROOT = Path(__file__).parents[1]
UNIT = 256  # pixels of the world's unit of length
SIDES = {"wide": (192, 288), "tall": (288, 192)}  # height and width in pixels
RATIOS = {"wide": 1.5, "tall": 2 / 3, "square": 1.0}
PLACES = {
    "wide": ("on the left", "in the middle", "on the right"),
    "tall": ("at the top", "in the middle", "at the bottom"),
}
WIDTHS = {"circle": 1.0, "square": 1.0, "triangle": 2 / 1.732}  # of a bounding box of height 1
MARGIN = 0.02


def scene(kind: str, number: int) -> Scene:
    """Make one thing on a wide or a tall canvas, at any place of it."""
    draws = Draws("two ratios", kind, number)
    colour, shape = draws.pick(list(COLOURS)), draws.pick(list(SHAPES["single"]))
    radius = draws.between(*SIZES[draws.pick(["small", "medium"])])
    height, width = (side / UNIT for side in SIDES[kind])
    x = draws.between(radius + MARGIN, width - radius - MARGIN)
    y = draws.between(radius + MARGIN, height - radius - MARGIN)
    third = int(3 * x / width) if kind == "wide" else int(3 * y / height)
    said = PLACES[kind][third] if draws.chance(0.7) else ""
    caption = one((colour, shape), place=said)
    return Scene((Thing(shape, colour, x, y, radius),), caption, ground=GROUND)


def write_folder(folder: Path, count: int) -> None:
    """Write so many pictures of each kind, with their captions beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, sides in SIDES.items():
        for number in range(count):
            made = scene(kind, number)
            Image.fromarray(draw(made, UNIT, sides)).save(folder / f"{kind}_{number}.png")
            (folder / f"{kind}_{number}.txt").write_text(made.caption + "\n", encoding="utf-8")


def fit(folder: Path, options: argparse.Namespace) -> tuple[Path, float]:
    """Train base and first super-resolution stage; return the directory and CPU seconds."""
    started = time.process_time()
    flags = ["-p", str(ROOT / "parameters" / "tiny"), "-ds", str(folder), "-s", "256"]
    flags += ["-o", str(options.output), "-f", "0.98", "-cn", "100000"]
    flags += ["--SET", f"training.images=[{options.base_images},{options.upper_images}]"]
    flags += ["--SET", f"training.data.aspect_ratios=[{RATIOS['wide']},{RATIOS['tall']:.4f}]"]
    return train.train(train.parse(flags)), time.process_time() - started


def captions() -> list[str]:
    """Every colour and shape once, without a place."""
    return [one((colour, shape)) for colour in COLOURS for shape in SHAPES["single"]]


def stretch(picture: Picture, caption: str) -> float:
    """How much too wide a thing is for its height; 1 is not squashed, nan is no thing."""
    mask = picture.max(axis=2).astype(int) - picture.min(axis=2) > CHROMA
    if not mask.any():
        return float("nan")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    shape = next(word for word in caption.split() if word in WIDTHS)
    return float(width / height / WIDTHS[shape])


def measure(imagen: Imagen, ratio: float) -> tuple[dict[str, object], list[Image.Image]]:
    """Draw all captions at a ratio; return what was found, and the pictures."""
    said = captions()
    base, upper = imagen.sample_stages(said, aspect_ratio=ratio, batch_size=18)
    pictures = to_pictures(upper)
    small = [np.asarray(picture) for picture in to_pictures(base)]
    pairs = zip(pictures, said, strict=True)
    stretches = [stretch(np.asarray(picture), caption) for picture, caption in pairs]
    return {
        "pixels": f"{upper.shape[3]} x {upper.shape[2]}",
        "caption_accuracy": round(caption_accuracy(small, said), 2),
        "stretch_median": round(float(np.nanmedian(stretches)), 3),
        "stretch_lowest": round(float(np.nanmin(stretches)), 3),
        "stretch_highest": round(float(np.nanmax(stretches)), 3),
    }, pictures


def sheet(drawn: dict[str, list[Image.Image]]) -> Image.Image:
    """Show every other caption wide, tall and square, in a palette of 128 colours."""
    rows = [list(row) for row in zip(*drawn.values(), strict=True)]
    return captioned_grid(rows[::2], captions()[::2], cell=128, columns=3).quantize(128)


def main() -> None:
    """Run the benchmark, print its table, write its JSON and its picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("two_ratios"), help="where to work")
    parser.add_argument("--pictures", type=int, default=1000, help="of each kind")
    parser.add_argument("--base-images", type=int, default=20_000)
    parser.add_argument("--upper-images", type=int, default=1600)
    parser.add_argument("--directory", type=Path, help="draw with this run alone")
    options = parser.parse_args()
    folder = options.output / "pictures"
    run, seconds = options.directory, 0.0
    if run is None:
        write_folder(folder, options.pictures)
        run, seconds = fit(folder, options)
    imagen = Imagen.load(run, device="cpu")
    found = {kind: measure(imagen, ratio) for kind, ratio in RATIOS.items()}
    results = {kind: result for kind, (result, _) in found.items()}
    drawn = {kind: pictures for kind, (_, pictures) in found.items()}
    sheet(drawn).save(MEASURED / "two_ratios.png")
    print_table(
        ("kind", *results["wide"]), [(kind, *result.values()) for kind, result in results.items()]
    )
    if seconds:
        measured = {"cpu_seconds": round(seconds), "ratios": results}
        save("two_ratios", "python -m benchmarks.two_ratios", measured)


if __name__ == "__main__":
    main()
