"""What there is in the built-in world ``shapes``: colours, shapes, sizes, places, scenes.

Lengths are fractions of the picture's side; x grows to the right and y downwards. How a scene comes
about is in :mod:`minimagen.data.shapes`, how it is said in :mod:`minimagen.data.grammar`, how it
looks in :mod:`minimagen.data.drawing`.
"""

from dataclasses import dataclass
from typing import Literal

Variant = Literal["single", "scenes"]
Pair = tuple[str, str]  # colour, shape

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (40, 80, 220),
    "yellow": (240, 210, 40),
    "purple": (150, 60, 190),
    "orange": (245, 140, 30),
}
SHAPES: dict[Variant, tuple[str, ...]] = {
    "single": ("circle", "square", "triangle"),
    "scenes": ("circle", "square", "triangle", "star", "ring", "cross"),
}
SIZES = {"small": (0.16, 0.2), "medium": (0.2, 0.27), "large": (0.27, 0.34)}  # radius
GROUND = 192.0  # grey level
RELATIONS = ("left of", "right of", "above", "below")
PLACES = (
    ("at the top left", "at the top", "at the top right"),
    ("on the left", "in the middle", "on the right"),
    ("at the bottom left", "at the bottom", "at the bottom right"),
)

# In scenes, colours and shapes that neither training nor validation shows together; the single
# variant holds out places instead, see held_out_places. Drawing them means combining.
HELD_OUT: tuple[Pair, ...] = (
    ("yellow", "circle"),
    ("purple", "square"),
    ("green", "triangle"),
    ("blue", "star"),
    ("red", "ring"),
    ("orange", "cross"),
)


@dataclass(frozen=True)
class Thing:
    """A coloured shape inside the box of half-width ``radius`` around (x, y)."""

    shape: str
    colour: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Scene:
    """A picture before it is drawn.

    Args:
        things: they do not overlap, and lie inside the picture.
        caption: says nothing that is not so.
        ground: grey level behind them, 0 to 255.
    """

    things: tuple[Thing, ...]
    caption: str
    ground: float


def all_pairs(variant: Variant) -> list[Pair]:
    """List every combination of a colour and a shape."""
    return [(colour, shape) for colour in COLOURS for shape in SHAPES[variant]]


def trained_pairs(variant: Variant) -> list[Pair]:
    """List the combinations of colour and shape that training draws from."""
    return [pair for pair in all_pairs(variant) if variant == "single" or pair not in HELD_OUT]


def held_out_places(pair: Pair) -> tuple[str, str]:
    """Name the two places where the single variant never shows this colour and shape.

    Every place is held out for four of the eighteen combinations.
    """
    number = all_pairs("single").index(pair)
    places = [place for row in PLACES for place in row]
    return places[number % 9], places[(number + 4) % 9]


def place_of(thing: Thing) -> str:
    """Say in which ninth of the picture the centre of a thing lies."""
    return PLACES[_third(thing.y)][_third(thing.x)]


def relation_of(thing: Thing, other: Thing) -> str:
    """Say how ``thing`` lies to ``other``, along the axis on which they are further apart."""
    across, down = thing.x - other.x, thing.y - other.y
    if abs(across) > abs(down):
        return "left of" if across < 0 else "right of"
    return "above" if down < 0 else "below"


def _third(position: float) -> int:
    return int(position > 0.42) + int(position > 0.58)
