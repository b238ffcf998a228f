"""The cascade that main.py trained:  python -m benchmarks.tiny_cascade -d training_<TIMESTAMP>.

Two questions. Do the 512 px pictures still show what the base drew (reduced to 64 px, PSNR against
the base's picture)? How does the score depend on the guidance scale?
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import main as demo
from benchmarks.record import print_table, save
from minimagen.evaluation.caption_accuracy import caption_accuracy
from minimagen.imagen import Imagen
from minimagen.lowres import resize
from minimagen.tensors import mean_per_sample

SCALES = 1.0, 1.5, 2.0, 3.0, 5.0


def consistency(imagen: Imagen, captions: list[str]) -> list[float]:
    """Return the PSNR in dB between each base picture and its final picture reduced to 64 px."""
    drawn = imagen.sample_stages(captions)
    reduced = resize(drawn[-1], drawn[0].shape[-1])
    error = mean_per_sample((reduced - drawn[0]).square())
    return [round(value, 2) for value in (10 * torch.log10(4 / error)).tolist()]


def scores(imagen: Imagen, captions: list[str]) -> dict[str, float]:
    """Return the caption accuracy at 64 px for each guidance scale."""
    found = {}
    for scale in SCALES:
        pictures = imagen.generate(captions, size=64, guidance_scale=scale, batch_size=32)
        arrays = [np.asarray(picture) for picture in pictures]
        found[str(scale)] = round(caption_accuracy(arrays, captions), 3)
    return found


def main() -> None:
    """Run the benchmark, print its tables, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-d", "--directory", type=Path, required=True, help="made by main.py")
    imagen = Imagen.load(parser.parse_args().directory)
    captions = demo.unseen_captions()
    six = captions[: demo.DRAWN]
    psnr, found = consistency(imagen, six), scores(imagen, captions)
    print_table(("caption", "512 px reduced against 64 px, dB"), list(zip(six, psnr, strict=True)))
    print_table(("guidance scale", "caption accuracy"), list(found.items()))
    save("tiny_cascade", "python -m benchmarks.tiny_cascade", {"psnr": psnr, "accuracy": found})


if __name__ == "__main__":
    main()
