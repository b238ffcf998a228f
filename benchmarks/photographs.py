"""Real input: the tiny cascade learns eight photographs by heart.

    python -m benchmarks.photographs

Crops of the two photographs that scikit-learn ships and two of its scanned digits are written to a
folder with captions, as a user would have them. The base must draw each caption's own photograph;
after the two super-resolution stages the 512 px picture must be closer to the photograph than the
bicubic enlargement of its 64 px version.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

import train
from benchmarks.record import MEASURED, print_table, save
from minimagen.data.pictures import read_picture
from minimagen.grid import captioned_grid
from minimagen.imagen import Imagen, to_pictures
from minimagen.tensors import from_uint8

ROOT = Path(__file__).parents[1]
CROPS = {  # caption: photograph, left, top, side in pixels
    "a chinese temple with a golden roof": ("china.jpg", 100, 20, 320),
    "a roof against a blue sky": ("china.jpg", 0, 0, 256),
    "trees beside a lake": ("china.jpg", 320, 171, 256),
    "an orange flower on a dark ground": ("flower.jpg", 200, 60, 340),
    "the heart of a flower": ("flower.jpg", 280, 120, 160),
    "petals at the edge of the dark": ("flower.jpg", 0, 171, 256),
}
DIGITS = {"a handwritten zero": 0, "a handwritten seven": 7}
STEPS = {"base": 1300, "upper": (1600, 1300)}


LEARN_BY_HEART = (  # small crops, high rates: the tiny cascade's own are for few images
    "imagen.stages.1.crop=64",
    "imagen.stages.2.crop=64",
    "training.optimizer.learning_rate=0.002",
    "training.optimizer.rest_rate=1.0",
)


def write_folder(folder: Path) -> list[str]:
    """Write the pictures, each with its caption in a text file beside it; returns the captions."""
    from sklearn.datasets import load_digits, load_sample_image

    folder.mkdir(parents=True, exist_ok=True)
    pictures = {}
    for caption, (name, left, top, side) in CROPS.items():
        photograph = Image.fromarray(load_sample_image(name))
        pictures[caption] = photograph.crop((left, top, left + side, top + side))
    for caption, number in DIGITS.items():
        ink = np.clip(load_digits().images[number] * 16, 0, 255).astype(np.uint8)
        pictures[caption] = Image.fromarray(ink).resize((256, 256), Image.Resampling.BICUBIC)
    for i, (caption, picture) in enumerate(pictures.items()):
        picture.convert("RGB").save(folder / f"{i}.png")
        (folder / f"{i}.txt").write_text(caption + "\n", encoding="utf-8")
    return list(pictures)


def fit(options: argparse.Namespace, folder: Path) -> tuple[Path, float, float]:
    """Train the base, then the upper stages; return the directory and the seconds of both."""
    started = time.monotonic()
    images = [8 * options.base_steps, *(8 * steps for steps in options.upper_steps)]
    flags = ["-p", str(ROOT / "parameters" / "tiny"), "-ds", str(folder), "-o", str(options.output)]
    flags += ["-b", "8", "-f", "1", "-cn", "100000", "-st", "0"]
    flags += ["--SET", f"training.images={images}"]
    flags += [word for setting in LEARN_BY_HEART for word in ("--SET", setting)]
    run = train.train(train.parse(flags))
    base = time.monotonic() - started
    train.train(train.parse(["-rd", str(run), "-st", "1,2"]))
    return run, base, time.monotonic() - started - base


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, every picture of a with every one of b; (N, M)."""
    error = (a[:, None] - b[None]).square().mean(dim=(2, 3, 4))
    return 10 * torch.log10(4 / error)


def photographs(folder: Path, count: int, size: int) -> Tensor:
    """Read the pictures as training reads them."""
    arrays = [read_picture(folder / f"{i}.png", size) for i in range(count)]
    return from_uint8(torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2))


def measure(run: Path, folder: Path, captions: list[str]) -> dict[str, object]:
    """Draw every caption and compare with the photographs."""
    imagen = Imagen.load(run, device="cpu")
    drawn = imagen.sample_stages(captions, guidance_scale=1.0, seed=0, batch_size=8)
    results: dict[str, object] = {}
    for images in drawn:
        size = images.shape[-1]
        against = psnr(images, photographs(folder, len(captions), size))
        nearest = against.argmax(dim=1)
        results[f"nearest_is_own_{size}"] = int((nearest == torch.arange(len(captions))).sum())
        results[f"psnr_{size}"] = [round(value, 2) for value in against.diagonal().tolist()]
    largest = drawn[-1].shape[-1]
    truth = photographs(folder, len(captions), largest)
    enlarged = F.interpolate(drawn[0], size=(largest, largest), mode="bicubic").clamp(-1, 1)
    results["psnr_bicubic"] = [round(v, 2) for v in psnr(enlarged, truth).diagonal().tolist()]
    columns = [to_pictures(images) for images in (drawn[0], enlarged, drawn[-1], truth)]
    sheet = captioned_grid(list(zip(*columns, strict=True)), captions, cell=160, columns=2)
    sheet.save(MEASURED / "photographs.png")
    return results


def main() -> None:
    """Run the benchmark, print its table, write its JSON and its picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("photographs"), help="where to work")
    parser.add_argument("--base-steps", type=int, default=STEPS["base"])
    parser.add_argument("--upper-steps", type=int, nargs=2, default=STEPS["upper"])
    options = parser.parse_args()
    MEASURED.mkdir(parents=True, exist_ok=True)
    folder = options.output / "pictures"
    captions = write_folder(folder)
    run, base_seconds, upper_seconds = fit(options, folder)
    results = measure(run, folder, captions)
    seconds = {"base_seconds": round(base_seconds), "upper_seconds": round(upper_seconds)}
    rows = [
        (caption, *(results[key][i] for key in ("psnr_64", "psnr_512", "psnr_bicubic")))
        for i, caption in enumerate(captions)
    ]
    print_table(("caption", "64 px, dB", "512 px, dB", "64 px enlarged, dB"), rows)
    for size in (64, 512):
        nearest = results[f"nearest_is_own_{size}"]
        print(f"nearest photograph is its own at {size} px: {nearest} of 8")
    print(f"mean at 64 px: {np.mean(results['psnr_64']):.1f} dB; seconds: {seconds}")
    save("photographs", "python -m benchmarks.photographs", {**seconds, **results})


if __name__ == "__main__":
    main()
