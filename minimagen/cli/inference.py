"""What ``inference.py`` takes."""

import argparse
from collections.abc import Sequence

from minimagen.aspect import HIGHEST, LOWEST
from minimagen.cli.flags import Flag, choice, directory, listed, parse_flags, real, whole
from minimagen.cli.shared import DEVICE, OUTPUT, PRECISION, SEED, sigma_rel

WHAT, READ, HOW = "what is drawn", "how captions are read", "how it is sampled"
MEMORY = "in how much memory"
EACH = "one value, or one for each stage as 3,1,1; default: the stage's own"


def weights(text: str) -> str:
    """Read which weights: a kind, or an average by its length."""
    if text in ("ema", "best", "raw"):
        return text
    if not text.startswith("ema:"):
        raise ValueError("choose one of ema, best, raw, or ema:SIGMA_REL as ema:0.08")
    return f"ema:{sigma_rel(text.removeprefix('ema:'))}"


def ratio(text: str) -> float:
    """Read an aspect ratio: width over height, as a number or as two of them."""
    width, *height = [part.strip() for part in text.split(":")]
    try:
        value = float(width) / float(*height or "1")
    except (ValueError, TypeError, ZeroDivisionError):
        value = float("nan")
    if not LOWEST <= value <= HIGHEST:
        raise ValueError("give width over height as 3:2 or 1.5, from 1:4 to 4:1")
    return value


FLAGS = (
    Flag(
        "TRAINING_DIRECTORY",
        "-d",
        WHAT,
        "which run to load; default: the newest training_* here",
        directory,
    ),
    Flag("CAPTIONS", "-c", WHAT, "a caption, or a .txt file with one caption a line"),
    Flag("NEGATIVE_CAPTION", "-nc", WHAT, "what to steer away from; default: nothing"),
    Flag("IMAGES_PER_CAPTION", "-ni", WHAT, "default: 1", whole(1, 10_000)),
    Flag(
        "IMG_SIDE_LEN",
        "-s",
        WHAT,
        "stop after the stage of this size in pixels; default: the last fitted stage's",
        whole(1),
    ),
    Flag(
        "ASPECT_RATIO",
        "-ar",
        WHAT,
        "width over height as 3:2 or 1.5, from 1:4 to 4:1; the area stays; default: 1",
        ratio,
    ),
    Flag(
        "WEIGHTS",
        "-w",
        WHAT,
        "ema, best or raw; or ema:0.08, the average of that sigma_rel; default: ema",
        weights,
    ),
    Flag(
        "LITERAL",
        None,
        READ,
        "take captions as training does: no (red:1.4), no {red|blue}, nothing is markup",
        switch=True,
    ),
    Flag("STYLE", None, READ, "put captions into this style's slot; default: none"),
    Flag(
        "STYLES",
        None,
        READ,
        'JSON file of styles, as {"oil": "{}, oil on canvas"}; default: styles.json',
        directory,
    ),
    Flag(
        "EXPAND",
        None,
        READ,
        "of {red|blue}: all, each its own caption; or one, a seeded one for each image; "
        "default: all",
        choice("all", "one"),
    ),
    Flag(
        "WILDCARDS",
        None,
        READ,
        "directory of lists: __colour__ is one of the lines of colour.txt; default: none",
        directory,
    ),
    Flag(
        "WINDOWS",
        None,
        READ,
        "read captions longer than the text encoder does in up to so many pieces; default: 1",
        whole(1, 100),
    ),
    Flag("GUIDANCE_SCALE", "-g", HOW, f"1 means off; {EACH}", listed(real(0, 1000))),
    Flag(
        "SAMPLER",
        "-sm",
        HOW,
        "ddpm, ddim, euler, euler_ancestral, heun, dpmpp_1s, dpmpp_2s, dpmpp_2m, dpmpp_3m, "
        f"dpmpp_2m_sde, unipc, pndm or lms; {EACH}",
        listed(str),
    ),
    Flag("STEPS", "-ns", HOW, f"steps of the sampler; {EACH}", listed(whole(1, 10_000))),
    Flag("BATCH_SIZE", "-b", HOW, "images at a time; default: 16", whole(1, 100_000)),
    Flag(
        "TILE",
        None,
        MEMORY,
        "compute larger pictures in squares of so many pixels: less memory, more time, the same "
        "pictures; default: whole ones",
        whole(1, 100_000),
    ),
    Flag(
        "ONE_AT_A_TIME",
        None,
        MEMORY,
        "each stage's network on the device only while it draws, for a small GPU",
        switch=True,
    ),
    Flag(
        "COMPILE",
        None,
        HOW,
        "compile the networks first: minutes, worth it for many pictures on a GPU",
        switch=True,
    ),
    OUTPUT,
    DEVICE,
    PRECISION,
    SEED,
)
EXAMPLES = """\
  python inference.py -d training_20261121_101500 -c captions.txt
  python inference.py -c "a {red|blue} (circle:1.5)" -g 5,1,1 -ni 4 -sd 7"""


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line of ``inference.py``; flags that were not given are None."""
    about = "Draw captions with a cascade that train.py fitted."
    return parse_flags("inference.py", about, FLAGS, EXAMPLES, argv)
