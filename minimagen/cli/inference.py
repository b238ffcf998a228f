"""What ``inference.py`` takes."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from minimagen.aspect import HIGHEST, LOWEST
from minimagen.cli.flags import Flag, choice, directory, listed, parse_flags, real, whole
from minimagen.cli.shared import DEVICE, OUTPUT, PRECISION, SEED, sigma_rel

WHAT, READ, HOW = "what is drawn", "how captions are read", "how it is sampled"
EDIT, AGAIN = "from a picture, between two, in parts", "earlier images, again"
MEMORY = "in how much memory"
EACH = "one value, or one for each stage as 3,1,1; default: the stage's own"


def weights(text: str) -> str:
    """Read which weights: a kind, or an average by its length."""
    if text in ("ema", "best", "raw"):
        return text
    if not text.startswith("ema:"):
        raise ValueError("choose one of ema, best, raw, or ema:SIGMA_REL as ema:0.08")
    return f"ema:{sigma_rel(text.removeprefix('ema:'))}"


def margins(text: str) -> tuple[float, ...]:
    """Read shares of a frame: one for all four sides, or top, right, bottom and left."""
    shares = listed(real(0, 1))(text)
    top, right, bottom, left = shares * 4 if len(shares) == 1 else [*shares, 1, 1, 1, 1][:4]
    if len(shares) not in (1, 4) or top + bottom >= 1 or left + right >= 1 or not any(shares):
        raise ValueError(
            "give a share of the frame as 0.25, or top,right,bottom,left as 0,0.5,0,0, which leave "
            "some room for the picture"
        )
    return top, right, bottom, left


def region(text: str) -> tuple[Path, str]:
    """Read a mask's file and the caption that speaks there."""
    mask, equals, caption = text.partition("=")
    if not equals or not mask.strip():
        raise ValueError('give a mask and a caption, as left.png="a red circle"')
    return directory(mask.strip()), caption.strip()


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
        "which run to load, or NAME, NAME:TAG, hf:ORGANISATION/NAME; default: the newest "
        "training_* here, else the bundled model",
        directory,
        aliases=("checkpoint_path",),
    ),
    Flag(
        "CAPTIONS",
        "-c",
        WHAT,
        "a caption, or a .txt file with one caption a line",
        aliases=("prompt",),
    ),
    Flag(
        "NEGATIVE_CAPTION",
        "-nc",
        WHAT,
        "what to steer away from; default: nothing",
        aliases=("negative_prompt",),
    ),
    Flag(
        "IMAGES_PER_CAPTION",
        "-ni",
        WHAT,
        "default: 1",
        whole(1, 10_000),
        aliases=("num_images_per_prompt",),
    ),
    Flag(
        "IMG_SIDE_LEN",
        "-s",
        WHAT,
        "stop after the stage of this size in pixels; default: the last fitted stage's",
        whole(1),
        aliases=("image_size",),
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
    Flag(
        "STEPS",
        "-ns",
        HOW,
        f"steps of the sampler; {EACH}",
        listed(whole(1, 10_000)),
        aliases=("num_inference_steps",),
    ),
    Flag(
        "BATCH_SIZE",
        "-b",
        HOW,
        "images at a time, halved when they do not fit; default: 64 on a GPU, else 16",
        whole(1, 100_000),
    ),
    Flag(
        "IMAGE",
        "-i",
        EDIT,
        "a picture to begin with: drawn anew from it, unless --MASK, --MARGIN or --SOURCE_CAPTION "
        "say otherwise",
        directory,
        aliases=("init_image",),
    ),
    Flag(
        "STRENGTH",
        None,
        EDIT,
        "how far --IMAGE is noised, above 0 and up to 1, where hardly a trace is left; "
        "default: 0.6, with --SOURCE_CAPTION 1",
        real(0, 1, above=True),
    ),
    Flag(
        "MASK",
        "-m",
        EDIT,
        "a picture as large as --IMAGE: what is white in it is painted, the rest stays",
        directory,
        aliases=("mask_image",),
    ),
    Flag(
        "MARGIN",
        None,
        EDIT,
        "paint what lies around --IMAGE: a share of the frame on all sides, or on each as "
        "top,right,bottom,left, such as 0,0.5,0,0",
        margins,
    ),
    Flag(
        "RESAMPLE",
        None,
        EDIT,
        "with --MASK or --MARGIN: times that each step of the base is taken, which fits the parts "
        "better and costs as much more; default: 2",
        whole(1, 1000),
    ),
    Flag(
        "SOURCE_CAPTION",
        None,
        EDIT,
        "what --IMAGE shows: it is walked back to its noise and drawn anew with --CAPTIONS",
        aliases=("source_prompt",),
    ),
    Flag(
        "TOWARDS_CAPTION", None, EDIT, "another caption, that each image goes towards by --AMOUNT"
    ),
    Flag(
        "TOWARDS_SEED",
        None,
        EDIT,
        "another seed, likewise",
        whole(0, 2**31 - 1),
    ),
    Flag(
        "AMOUNT",
        None,
        EDIT,
        "how far: 0 is the image itself, 1 the other; or several, as 0,0.5,1, an image each; "
        "default: 0.5",
        listed(real(0, 1)),
    ),
    Flag(
        "REGION",
        None,
        EDIT,
        'MASK.png="a caption" that speaks where the mask is white; repeatable; what is left is '
        "--CAPTIONS'",
        region,
        repeatable=True,
    ),
    Flag(
        "REPEAT",
        None,
        AGAIN,
        "settings.json of earlier images: draw the same ones again; only -d, -o, -dv may differ",
        directory,
    ),
    Flag(
        "RESUME",
        None,
        AGAIN,
        "a generated_images_<TIMESTAMP> that is not complete: draw what is missing; only -d, -dv "
        "may be given",
        directory,
    ),
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
    replace(OUTPUT, aliases=("output_path",)),
    DEVICE,
    PRECISION,
    SEED,
)
EXAMPLES = """\
  python inference.py -d training_20261121_101500 -c captions.txt
  python inference.py -c "a blue circle" -i photo.png -m mask.png -g 5,1,1 -ni 4 -sd 7"""


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line of ``inference.py``; flags that were not given are None."""
    about = "Draw captions with a cascade that train.py fitted."
    return parse_flags("inference.py", about, FLAGS, EXAMPLES, argv)
