"""Draw with a fitted cascade:  python inference.py -d training_<TIMESTAMP> -c captions.txt."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from minimagen.cli.inference import parse
from minimagen.cli.leaving import leave_well


def infer(options: argparse.Namespace) -> Path:
    """Draw what a command line asks for and return the directory with the pictures."""
    from tqdm import tqdm

    from minimagen.cli.average import prepare_weights
    from minimagen.cli.drawing import (
        GeneratedImages,
        check_captions,
        choose_directory,
        read_captions,
        settings_of,
        tell_untrained,
    )
    from minimagen.cli.prompting import read_negative, read_prompts
    from minimagen.imagen import Imagen, to_pictures
    from minimagen.runtime import keep_freed_memory

    keep_freed_memory()
    directory = choose_directory(options.training_directory)
    drawn_from = read_prompts(read_captions(options.captions), options)
    prompts = [one.prompt for one in drawn_from]
    weights = options.weights or "ema"
    prepare_weights(directory, weights)
    imagen = Imagen.load(
        directory,
        options.device,
        weights=weights,
        precision=options.precision,
        one_at_a_time=bool(options.one_at_a_time),
    )
    imagen = imagen.with_windows(options.windows or 1)
    if options.compile:
        imagen = imagen.compiled()
    planned, fitted = len(imagen.config.imagen.stages), len(imagen.stages)
    if fitted < planned:
        size = imagen.stages[-1].config.size
        print(f"only {fitted} of {planned} stages are fitted: drawing at {size} px")
    how = {
        "negative_captions": read_negative(options),
        "guidance_scale": options.guidance_scale,
        "sampler": options.sampler,
        "steps": options.steps,
        "size": options.img_side_len,
        "aspect_ratio": options.aspect_ratio or 1.0,
        "tile": options.tile,
    }
    tell_untrained(imagen, directory, how["aspect_ratio"])
    plans = imagen.plan(**how)
    check_captions(imagen, [*prompts, how["negative_captions"]], options.batch_size or 16)
    settings = settings_of(options, imagen, directory, plans, drawn_from)
    texts = [prompt.text for prompt in prompts]
    output = GeneratedImages.create(options.output or Path(), texts, settings)

    batch = options.batch_size or 16
    with tqdm(total=len(prompts), desc="drawing", unit="image") as bar:
        for start in range(0, len(prompts), batch):
            drawn = imagen.sample(
                prompts[start : start + batch],
                seed=options.seed or 0,
                first_number=start,
                batch_size=batch,
                **how,
            )
            output.save(to_pictures(drawn), first_number=start)
            bar.update(len(drawn))
    output.finish()
    print(f"generated images: {output.path}")
    return output.path


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script and return its exit code."""
    return leave_well("inference.py", lambda: infer(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
