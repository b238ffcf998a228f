"""The best grid for enlarging:  python -m benchmarks.enlarging -d training_<TIMESTAMP>.

Eight true pictures are reduced to a stage's input and enlarged again by that stage; PSNR in dB
against the true picture, for each grid and some samplers, beside bicubic enlargement.
"""

import argparse
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

import main as demo
from benchmarks.record import print_table, save
from benchmarks.sampling_sweep import true_pictures
from benchmarks.walks import GRIDS
from minimagen.conditioning import Conditioning
from minimagen.imagen import Imagen
from minimagen.lowres import resize
from minimagen.stage import Drawing
from minimagen.tensors import mean_per_sample

PICTURES = 8
SAMPLERS = "dpmpp_2m", "unipc", "ddim", "ddpm", "heun"


def psnr(truth: Tensor, images: Tensor) -> float:
    """Return the mean PSNR of pictures in [-1, 1], in dB."""
    error = mean_per_sample((images - truth).square())
    return round((10 * torch.log10(4 / error)).mean().item(), 2)


@torch.no_grad()
def enlarge(
    imagen: Imagen, index: int, small: Tensor, captions: list[str], sampler: str | None = None
) -> Tensor:
    """Enlarge pictures by one stage as it is sampled, without guidance."""
    stage, numbers = imagen.stages[index], range(len(small))
    cond = Conditioning(imagen.encode(captions), stage.lowres(small, 0, numbers))
    how = Drawing(sampler=sampler, guidance_scale=1.0)
    return stage.sample(cond, how, seed=0, numbers=numbers)


def measure(imagen: Imagen, index: int, captions: list[str]) -> dict[str, dict[str, float]]:
    """Return the PSNR of one stage, by sampler and grid."""
    stage = imagen.stages[index]
    size, smaller = stage.config.size, stage.smaller
    assert smaller is not None, "a super-resolution stage has one before it"
    truth = true_pictures(captions, size, 1, 5)
    small = resize(truth, smaller)
    enlarged = partial(enlarge, index=index, small=small, captions=captions)
    found = {
        name: {
            kind: psnr(
                truth, enlarged(imagen.with_sampling(stages=[index], grid=grid), sampler=name)
            )
            for kind, grid in GRIDS.items()
        }
        for name in SAMPLERS
    }
    bicubic = psnr(truth, resize(small, size, "bicubic"))
    return {"bicubic": dict.fromkeys(GRIDS, bicubic), **found}


def main() -> None:
    """Run the benchmark, print its tables, write its JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-d", "--directory", type=Path, required=True, help="made by main.py")
    imagen = Imagen.load(parser.parse_args().directory)
    captions = demo.unseen_captions()[:PICTURES]
    results = {}
    for index, stage in enumerate(imagen.stages[1:], 1):
        name = f"{stage.smaller} -> {stage.config.size} px, {stage.config.sampling.steps} steps"
        results[name] = measure(imagen, index, captions)
        rows = [[sampler, *by_grid.values()] for sampler, by_grid in results[name].items()]
        print_table((name, *GRIDS), rows)
    save("enlarging", "python -m benchmarks.enlarging -d training_<TIMESTAMP>", results)


if __name__ == "__main__":
    main()
