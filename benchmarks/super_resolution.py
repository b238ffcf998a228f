"""Do the upper stages beat bicubic?  python -m benchmarks.super_resolution -d training_<TIMESTAMP>.

PSNR in dB of true pictures that were made smaller and enlarged again, by a stage and by bicubic
interpolation of the same small picture. It was made smaller in two ways:

    clean      the true picture reduced: all that the stage is asked for is what is missing
    sampled    drawn by the stage before, with its flaws: the 64 px pictures by the base, from the
               true ones with noise; the 256 px pictures by the stage that enlarges the 64 px ones

What it looks like is in docs/measured/<NAME>_<SIDE>_<clean or sampled>.png.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import main as demo
from benchmarks.enlarging import enlarge, psnr
from benchmarks.record import MEASURED, print_table, save
from benchmarks.sampling_sweep import true_pictures
from minimagen.conditioning import Conditioning
from minimagen.editing.image_to_image import image_to_image
from minimagen.grid import captioned_grid
from minimagen.imagen import Imagen, to_pictures
from minimagen.lowres import resize
from minimagen.stage import Drawing
from minimagen.tensors import crop

PICTURES = 12
STRENGTH = 0.3  # the time up to which true 64 px pictures are noised before the base draws on
SEED = 5  # of the true pictures: of scenes that no training has seen
SHOWN, CUT = 2, 4  # pictures on a sheet, and how many times smaller than they is what it shows
COLUMNS = "stage", "from", "bicubic, dB", "ours, dB", "gain"


@torch.no_grad()
def redrawn(imagen: Imagen, small: Tensor, captions: list[str]) -> Tensor:
    """Return the base's own version of pictures: noised a little, and drawn from there."""
    how = Drawing(edit=image_to_image(small, STRENGTH))
    cond = Conditioning(imagen.encode(captions), None)
    return imagen.stages[0].sample(cond, how, seed=0, numbers=range(len(small)))


def inputs_of(imagen: Imagen, index: int, captions: list[str]) -> dict[str, Tensor]:
    """Return the small pictures that a stage is given, by how they came about."""
    stage = imagen.stages[index]
    assert stage.smaller is not None, "a super-resolution stage has one before it"
    clean = resize(true_pictures(captions, stage.config.size, 1, SEED), stage.smaller)
    if index == 1:
        return {"clean": clean, "sampled": redrawn(imagen, clean, captions)}
    first = inputs_of(imagen, index - 1, captions)["clean"]
    return {"clean": clean, "sampled": enlarge(imagen, index - 1, first, captions)}


def measure(imagen: Imagen, index: int, captions: list[str], name: str) -> list[dict[str, Any]]:
    """Return a stage's rows, and draw what they look like."""
    size = imagen.stages[index].config.size
    truth = true_pictures(captions, size, 1, SEED)
    rows = []
    for source, small in inputs_of(imagen, index, captions).items():
        bicubic = resize(small, size, "bicubic").clamp(-1, 1)
        ours = enlarge(imagen, index, small, captions)
        by_bicubic, by_us = psnr(truth, bicubic), psnr(truth, ours)
        rows.append({"stage": size, "from": source, "bicubic": by_bicubic, "ours": by_us})
        show(f"{name}_{size}_{source}", captions, {"bicubic": bicubic, "ours": ours, "true": truth})
    return rows


def show(name: str, captions: list[str], columns: dict[str, Tensor]) -> None:
    """Draw parts of some pictures beside each other, where there is something to see."""
    truth = columns["true"][:SHOWN]
    side = truth.shape[-1] // CUT
    corners = busiest(truth, side)
    parts = [to_pictures(crop(images[:SHOWN], corners, side)) for images in columns.values()]
    rows = list(zip(*parts, strict=True))
    sheet = captioned_grid(rows, captions[:SHOWN], cell=256, columns=1, headings=tuple(columns))
    sheet.save(MEASURED / f"{name}.png")


def busiest(images: Tensor, side: int, stride: int = 8) -> Tensor:
    """Return top and left of the square of each image that has most detail; (B, 2)."""
    blurred = resize(resize(images, side), images.shape[-1])
    detail = (images - blurred).abs().mean(dim=1, keepdim=True)
    summed = F.avg_pool2d(detail, side, stride)
    place, across = summed.flatten(1).argmax(dim=1), summed.shape[-1]
    return torch.stack([place // across, place % across], dim=1) * stride


def main() -> None:
    """Run the benchmark, print its table, write its JSON and its sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-d", "--directory", type=Path, required=True, help="a trained cascade's")
    parser.add_argument("-n", "--name", default="super_resolution", help="of what is written")
    options = parser.parse_args()
    imagen = Imagen.load(options.directory)
    captions = demo.unseen_captions()[:PICTURES]
    rows = [row for index in (1, 2) for row in measure(imagen, index, captions, options.name)]
    table = [
        (r["stage"], r["from"], r["bicubic"], r["ours"], f"{r['ours'] - r['bicubic']:+.2f}")
        for r in rows
    ]
    print_table(COLUMNS, table)
    command = f"python -m benchmarks.super_resolution -d training_<TIMESTAMP> -n {options.name}"
    save(options.name, command, {"rows": rows})


if __name__ == "__main__":
    main()
