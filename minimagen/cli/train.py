"""What ``train.py`` takes."""

import argparse
from collections.abc import Sequence

from minimagen.cli.flags import Flag, directory, listed, parse_flags, real, timestamp, whole
from minimagen.cli.shared import DEVICE, OUTPUT, PRECISION, SEED

MODEL, DATA, LENGTH, RUN = "what is trained", "on what", "how long and how fast", "runs"
FILES = "default: from the parameter files"

FLAGS = (
    Flag("PARAMETERS", "-p", MODEL, "directory of parameter files; default: parameters", directory),
    Flag(
        "T5_NAME",
        "-t5",
        MODEL,
        f"text encoder: t5-tiny, t5-scenes, words, labels, none, Hub name, directory; {FILES}",
    ),
    Flag(
        "MAX_NUM_WORDS", "-mw", MODEL, "longest caption in text tokens; default: 64", whole(1, 4096)
    ),
    Flag(
        "IMG_SIDE_LEN",
        "-s",
        MODEL,
        "cut the cascade after the stage of this size in pixels; default: the last stage's",
        whole(1),
    ),
    Flag(
        "TIMESTEPS",
        "-t",
        MODEL,
        "train on this many discrete diffusion steps; default: continuous time",
        whole(1, 1_000_000),
    ),
    Flag(
        "SET",
        None,
        MODEL,
        "any other parameter, as training.ema.decay=0.999, imagen.stages.0.text_dropout=0.2, "
        "unet_0.patch=2 or data.max_rejected=0.3; repeatable",
        repeatable=True,
    ),
    Flag(
        "DATASET",
        "-ds",
        DATA,
        "shapes, digits, a folder of captioned pictures, a table of paths or URLs, COCO's .json, "
        f"shards-{{0000..0999}}.tar or hf:NAME; {FILES}",
    ),
    Flag(
        "TRAIN_VALID_FRAC",
        "-f",
        DATA,
        "share of the data used for training; default: 0.9",
        real(0, 1, above=True),
    ),
    Flag(
        "VALID_NUM",
        "-vn",
        DATA,
        "how many validation images to use; default: the split, at most 256",
        whole(0),
    ),
    Flag(
        "NUM_WORKERS",
        "-n",
        DATA,
        "data-loading processes; default: 0 on a CPU, else 4",
        whole(0, 256),
    ),
    Flag("BATCH_SIZE", "-b", LENGTH, f"images per batch and process; {FILES}", whole(1, 1_000_000)),
    Flag(
        "ACCUM_ITER", "-ai", LENGTH, "batches per optimizer step; default: 1", whole(1, 1_000_000)
    ),
    Flag("EPOCHS", "-e", LENGTH, f"passes over the training split, per stage; {FILES}", whole(1)),
    Flag("OPTIM_LR", "-lr", LENGTH, f"peak learning rate; {FILES}", real(0, 100, above=True)),
    Flag(
        "STAGES", "-st", LENGTH, "which stages to fit, as 0,2; default: all", listed(whole(0, 99))
    ),
    Flag(
        "CHCKPT_NUM",
        "-cn",
        RUN,
        "batches between checkpoints, validations and sample grids; default: 500",
        whole(1),
    ),
    Flag(
        "RESTART_DIRECTORY",
        "-rd",
        RUN,
        "continue this training directory in place; "
        "only -n, -dv, -cn, -st and a larger -e may differ",
        directory,
    ),
    Flag(
        "INIT_DIRECTORY",
        "-id",
        RUN,
        "start from the averaged weights of this training directory or model",
        directory,
    ),
    Flag(
        "TESTING",
        "-test",
        RUN,
        "tiny networks, a slice of the data, a few steps: does it run?",
        switch=True,
    ),
    Flag(
        "TIMESTAMP",
        "-ts",
        RUN,
        "what stands behind training_ in the directory's name; default: now",
        timestamp,
    ),
    OUTPUT,
    DEVICE,
    PRECISION,
    SEED,
)
EXAMPLES = """\
  python train.py -p parameters -b 8 -e 50
  python train.py -p parameters/tiny -ds my_pictures --SET training.ema.decay=0.99"""


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line of ``train.py``; flags that were not given are None.

    Raises:
        CheckpointError: when ``--INIT_DIRECTORY`` names a model that is not kept.
    """
    about = "Fit an image cascade on captioned pictures, stage by stage."
    options = parse_flags("train.py", about, FLAGS, EXAMPLES, argv)
    if options.init_directory is not None:
        from minimagen.release.finding import find_model

        options.init_directory = find_model(str(options.init_directory))
    return options
