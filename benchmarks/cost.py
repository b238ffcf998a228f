"""What a cascade costs to train, counted:  python -m benchmarks.cost -p parameters/imagen.

Operations, weights and memory are counted on the meta device. From them, and from assumptions that
are printed beside the figures, follow GPU hours, storage and reading rates of a pass over a
billion captioned pictures. Nothing here was measured on a GPU.

    GPU hours = operations / (published peak x utilisation) / 3600

Operations are those the device does, work done again by gradient checkpointing included, and the
utilisation is the share of the peak that they come to.
"""

import argparse
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.encoder_cost import EncoderCost, encoder_cost
from benchmarks.record import print_table, save
from minimagen.cascade import CascadeConfig
from minimagen.models.cost import cost_of, training_cost_of
from minimagen.training.config import TrainingConfig, of_stage

PAIRS = 10**9
PEAKS = {  # dense bf16 operations a second, NVIDIA's data sheets (half of those "with sparsity")
    "H100 SXM": 989.4e12,
    "A100": 312e12,
}
UTILISATIONS = 0.3, 0.4, 0.5
WEIGHT, AVERAGE, MOMENTS, GRADIENT = 4, 4, 8, 4  # bytes a weight: float32, AdamW
TB, GB, MB = 1e12, 1e9, 1e6


@dataclass(frozen=True)
class StageCost:
    """What one stage costs.

    Args:
        size: of its pictures, px.
        trained_on: side of the picture or crop that it is trained on, px.
        parameters: how many weights.
        forward: operations of one forward pass of one image.
        training: operations of one image in training.
        saved_bytes: kept between forward and backward of one image, float32.
        batch_size: images of one process, as the files have it.
    """

    size: int
    trained_on: int
    parameters: int
    forward: int
    training: int
    saved_bytes: int
    batch_size: int

    @property
    def state_bytes(self) -> int:
        """Weights, gradient, moments and average on a device that holds all of them."""
        return self.parameters * (WEIGHT + GRADIENT + MOMENTS + AVERAGE)

    @property
    def checkpoint_bytes(self) -> int:
        """What one checkpoint holds."""
        return self.parameters * (WEIGHT + MOMENTS + AVERAGE)


@dataclass(frozen=True)
class Assumed:
    """What is not counted but assumed.

    Args:
        tokens: of a caption, stored without padding.
        token_bytes: of each number of an embedding; 2 is bfloat16.
        picture_bytes: of one picture file.
        utilisation: of the first GPU, for the rates at which data must be read.
    """

    tokens: int = 32
    token_bytes: int = 2
    picture_bytes: int = 100_000
    utilisation: float = 0.4


def stage_costs(cascade: CascadeConfig, training: TrainingConfig, width: int) -> list[StageCost]:
    """Count every stage as it is trained.

    Args:
        cascade: its networks.
        training: its batches.
        width: of the text encoder.
    """
    found = []
    for index, (stage, unet) in enumerate(zip(cascade.imagen.stages, cascade.unets, strict=True)):
        side = stage.crop or stage.size
        shown = stage.self_conditioning
        options = {"text_width": width, "lowres": index > 0, "self_conditioned": shown > 0}
        cost, both = cost_of(unet, side, **options), training_cost_of(unet, side, **options)
        found.append(
            StageCost(
                size=stage.size,
                trained_on=side,
                parameters=cost.parameters,
                forward=cost.flops,
                training=both.flops + round(shown * cost.flops),
                saved_bytes=both.saved_bytes,
                batch_size=of_stage(training.batch_size, index),
            )
        )
    return found


def hours(flops: float, peak: float, utilisation: float) -> float:
    """Return GPU hours."""
    return flops / (peak * utilisation) / 3600


def images_a_second(stage: StageCost, utilisation: float) -> float:
    """Return how many images the first kind of GPU trains on in a second."""
    return next(iter(PEAKS.values())) * utilisation / stage.training


def counted(stages: list[StageCost], encoder: EncoderCost) -> list[tuple[str, ...]]:
    """Return the rows of what was counted, heading first."""
    heading = (
        "part",
        "weights",
        "trained on",
        "GFLOP forward",
        "GFLOP training",
        "MB kept an image",
        "GB of state",
    )
    rows = [
        (
            f"stage {i}, {stage.size} px",
            f"{stage.parameters / 1e6:,.0f} M",
            f"{stage.trained_on} px",
            f"{stage.forward / 1e9:,.1f}",
            f"{stage.training / 1e9:,.1f}",
            f"{stage.saved_bytes / MB:,.0f}",
            f"{stage.state_bytes / GB:,.1f}",
        )
        for i, stage in enumerate(stages)
    ]
    flops, weights = f"{encoder.flops / 1e9:,.1f}", f"{encoder.parameters / 1e6:,.0f} M"
    return [heading, *rows, ("text encoder", weights, "a caption", flops, "", "", "")]


def one_pass(stages: list[StageCost], encoder: EncoderCost) -> list[tuple[str, ...]]:
    """Return the rows of GPU hours for one pass over a billion pairs, heading first."""
    columns = [f"{gpu}, {share:.0%}" for gpu in PEAKS for share in UTILISATIONS]
    work = {f"stage {i}, {stage.size} px": stage.training for i, stage in enumerate(stages)}
    work["text encoder"] = encoder.flops
    work["all"] = sum(work.values())
    rows = [
        (part, f"{PAIRS * flops:.1e}", *(_hours(PAIRS * flops, column) for column in _columns()))
        for part, flops in work.items()
    ]
    return [("part", "operations", *columns), *rows]


def _columns() -> list[tuple[float, float]]:
    return [(peak, share) for peak in PEAKS.values() for share in UTILISATIONS]


def _hours(flops: float, column: tuple[float, float]) -> str:
    return f"{float(f'{hours(flops, *column):.2g}'):,.0f}"


def storage(encoder: EncoderCost, assumed: Assumed) -> list[tuple[str, ...]]:
    """Return the rows of what a billion pairs take on disk, heading first."""
    rows = (
        ("pictures", f"{PAIRS * assumed.picture_bytes / TB:,.0f}"),
        ("embeddings", f"{PAIRS * text_bytes(encoder, assumed) / TB:,.0f}"),
    )
    return [("a billion", "TB"), *rows]


def rates(stages: list[StageCost], encoder: EncoderCost, assumed: Assumed) -> list[tuple[str, ...]]:
    """Return the rows of what each GPU takes in and each checkpoint holds, heading first."""
    pair = text_bytes(encoder, assumed) + assumed.picture_bytes
    rows = []
    for i, stage in enumerate(stages):
        rate = images_a_second(stage, assumed.utilisation)
        read, checkpoint = rate * pair / MB, stage.checkpoint_bytes / GB
        rows.append((f"stage {i}", f"{rate:,.0f}", f"{read:,.0f}", f"{checkpoint:,.1f}"))
    return [("", "pairs a second and GPU", "MB a second and GPU", "GB a checkpoint"), *rows]


def text_bytes(encoder: EncoderCost, assumed: Assumed) -> int:
    """Return what one caption's embedding takes."""
    return assumed.tokens * encoder.width * assumed.token_bytes


def report(found: dict[str, Any]) -> None:
    """Print the tables, and below them what they assume."""
    stages = [StageCost(**stage) for stage in found["stages"]]
    encoder, assumed = EncoderCost(**found["encoder"]), Assumed(**found["assumed"])
    tables = (
        counted(stages, encoder),
        one_pass(stages, encoder),
        storage(encoder, assumed),
        rates(stages, encoder, assumed),
    )
    for heading, *rows in tables:
        print_table(heading, rows)
        print()
    print(
        f"Assumed: {assumed.tokens} tokens a caption, {assumed.token_bytes} bytes a number, "
        f"{assumed.picture_bytes / 1e3:g} kB a picture; "
        f"{assumed.utilisation:.0%} of the peak of one {next(iter(PEAKS))}."
    )


def count(directory: Path, assumed: Assumed) -> dict[str, Any]:
    """Count a parameter directory; the numbers of which :func:`report` makes tables."""
    cascade, training = CascadeConfig.read(directory), TrainingConfig.read(directory)
    name = cascade.imagen.text_encoder.name
    encoder = encoder_cost(name, assumed.tokens)
    stages = stage_costs(cascade, training, encoder.width)
    return {
        "stages": [asdict(stage) for stage in stages],
        "encoder": asdict(encoder),
        "assumed": asdict(assumed),
    }


def main() -> None:
    """Count, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-p", "--parameters", type=Path, default=Path("parameters/imagen"))
    parser.add_argument("--tokens", type=int, default=Assumed.tokens)
    parser.add_argument("--picture-kb", type=float, default=Assumed.picture_bytes / 1e3)
    options = parser.parse_args()
    picture_bytes = round(1e3 * options.picture_kb)
    assumed = replace(Assumed(), tokens=options.tokens, picture_bytes=picture_bytes)
    found = count(options.parameters, assumed)
    save(
        f"cost_{options.parameters.name}",
        f"python -m benchmarks.cost -p {options.parameters}",
        found,
    )
    report(found)


if __name__ == "__main__":
    main()
