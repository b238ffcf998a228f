"""What the ways of framing make of two photographs:  python -m benchmarks.framing.

Writes ``docs/measured/framing.png``: the centre square, two random squares, the padded whole and
the same photograph at 3:2; then what mirrored and smeared margins would have looked like.
"""

import numpy as np
from PIL import Image

from benchmarks.record import MEASURED
from minimagen.data.chance import cut_by_chance
from minimagen.data.framing import Frame, FramingConfig
from minimagen.data.items import Picture
from minimagen.grid import captioned_grid

SIDE = 160
WIDE = 128, 192  # height and width in pixels


def framed(photograph: Image.Image) -> dict[str, Picture]:
    """Return the photograph as each way frames it."""
    anywhere = Frame(SIDE, SIDE, FramingConfig(crop="random"))
    covering = anywhere.fit(photograph)
    padding = Frame(SIDE, SIDE, FramingConfig(crop="pad"))
    height = round(SIDE * photograph.height / photograph.width)
    rows = (SIDE - height) // 2, SIDE - height - (SIDE - height) // 2
    whole, margins = np.asarray(photograph.resize((SIDE, height))), (rows, (0, 0), (0, 0))
    return {
        "crop: centre": Frame.of(SIDE).fit(photograph),
        "crop: random": cut_by_chance(covering, anywhere, 1),
        "crop: random, another sample": cut_by_chance(covering, anywhere, 5),
        "crop: pad (white margins)": padding.fit(photograph),
        "aspect_ratios: [1.0, 1.5]": Frame(*WIDE).fit(photograph),
        "not offered: mirrored margins": np.pad(whole, margins, mode="reflect"),
        "not offered: smeared margins": np.pad(whole, margins, mode="edge"),
    }


def main() -> None:
    """Write the picture."""
    from sklearn.datasets import load_sample_image

    names = "china.jpg", "flower.jpg"
    sheets = [framed(Image.fromarray(load_sample_image(name))) for name in names]
    rows = [[Image.fromarray(pictures[way]) for pictures in sheets] for way in sheets[0]]
    sheet = captioned_grid(rows, list(sheets[0]), cell=SIDE, columns=4)
    sheet.quantize(128).save(MEASURED / "framing.png")


if __name__ == "__main__":
    main()
