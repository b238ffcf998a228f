"""How a scene of the built-in world looks, at any size.

An ideal picture is seen through one filter: the triangle two pixels wide that antialiased bilinear
resizing uses too. So a picture drawn small is what the same picture drawn large becomes when it is
reduced. Edges come from signed distance functions. Every colour has a fine weave, 64 threads across
the picture, which 64 pixels average out and 256 and 512 pixels show.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minimagen.aspect import Sides
from minimagen.data.world import COLOURS, Scene, Thing

Picture = NDArray[np.uint8]  # (H, W, 3)
Plane = NDArray[np.floating[Any]]  # (H, W), float32

THREADS = 64  # periods of the weave across the picture
CONTRAST = 0.12  # of a colour's own brightness
GROUND_CONTRAST = 0.03


class Weave(NamedTuple):
    """Cosine and sine of the threads' phase, down the columns (1, W) and down the rows (H, 1)."""

    cos_x: Plane
    sin_x: Plane
    cos_y: Plane
    sin_y: Plane


PATTERNS: dict[str, Callable[[Weave], Plane]] = {
    "red": lambda w: w.cos_x,
    "green": lambda w: w.cos_y,
    "blue": lambda w: w.cos_x * w.cos_y - w.sin_x * w.sin_y,  # cos(x + y)
    "yellow": lambda w: w.cos_x * w.cos_y + w.sin_x * w.sin_y,  # cos(x - y)
    "purple": lambda w: w.cos_x * w.cos_y,
    "orange": lambda w: (w.cos_x + w.cos_y) / 2,
    "ground": lambda w: w.sin_x * w.sin_y,
}


def draw(scene: Scene, size: int, sides: Sides | None = None) -> Picture:
    """Draw a scene; uint8 (size, size, 3), or (height, width, 3).

    Args:
        scene: what there is to see.
        size: pixels that the scene's unit of length is drawn with.
        sides: height and width of the picture in pixels; None is the unit square.
    """
    canvas = _ground(scene.ground, size, sides or (size, size))
    for thing in scene.things:
        _paint(canvas, thing, size)
    return canvas


def _ground(grey: float, size: int, sides: Sides) -> Picture:
    height, width = sides
    pattern = PATTERNS["ground"](_weave(slice(0, height), slice(0, width), size))
    plane = (pattern * (GROUND_CONTRAST * grey) + (grey + 0.5)).astype(np.uint8)
    canvas = np.empty((height, width, 3), np.uint8)
    for channel in range(3):  # thrice as fast as broadcasting
        canvas[:, :, channel] = plane
    return canvas


def _paint(canvas: Picture, thing: Thing, size: int) -> None:
    height, width = canvas.shape[:2]
    rows = _span(thing.y, thing.radius, size, height)
    columns = _span(thing.x, thing.radius, size, width)
    x, y = _offsets(columns, thing.x, size)[None, :], _offsets(rows, thing.y, size)[:, None]
    radius = np.float32(thing.radius * size)
    cover = _cover(DISTANCES[thing.shape](x / radius, y / radius) * radius)
    pattern = PATTERNS[thing.colour](_weave(rows, columns, size))
    for channel, level in enumerate(COLOURS[thing.colour]):
        swing = min(CONTRAST * level, 255 - level)  # cut so that nothing clips and the mean stays
        behind = canvas[rows, columns, channel].astype(np.float32)
        behind += cover * (np.float32(level) + np.float32(swing) * pattern - behind)
        canvas[rows, columns, channel] = behind + np.float32(0.5)


def _span(centre: float, radius: float, size: int, end: int) -> slice:
    first, last = (centre - radius) * size - 1, (centre + radius) * size + 1
    return slice(max(0, int(first)), min(end, int(last) + 1))


def _offsets(span: slice, centre: float, size: int) -> Plane:
    """Distance of each pixel's middle from the centre, in pixels."""
    return (np.arange(span.start, span.stop) + 0.5 - centre * size).astype(np.float32)


def _cover(distance: Plane) -> Plane:
    """Share of the filter that lies inside an edge ``distance`` pixels away (negative: inside)."""
    near = np.clip(distance, -1, 1)
    cover: Plane = 0.5 - near + 0.5 * near * np.abs(near)
    return cover


def _weave(rows: slice, columns: slice, size: int) -> Weave:
    cos, sin = _threads(size, max(rows.stop, columns.stop, size))
    return Weave(cos[None, columns], sin[None, columns], cos[rows, None], sin[rows, None])


@lru_cache(maxsize=16)
def _threads(size: int, length: int) -> tuple[Plane, Plane]:
    """Cosine and sine of the threads at each pixel, weakened as the filter weakens them; (L,)."""
    phase = 2 * np.pi * (THREADS * (np.arange(length) + 0.5) / size + 1 / 8)
    response = np.sinc(THREADS / size) ** 2  # 0 at 64 pixels, 0.81 at 256, 0.95 at 512
    cos, sin = response * np.cos(phase), response * np.sin(phase)
    return cos.astype(np.float32), sin.astype(np.float32)


# Signed distances to shapes in the box [-1, 1]; exact near edges, approximate beyond corners.


def _circle(x: Plane, y: Plane) -> Plane:
    distance: Plane = np.sqrt(x * x + y * y) - 1
    return distance


def _square(x: Plane, y: Plane) -> Plane:
    distance: Plane = np.maximum(np.abs(x), np.abs(y)) - 0.866
    return distance


def _triangle(x: Plane, y: Plane) -> Plane:
    """Equilateral, side 2, point up."""
    distance: Plane = np.maximum(0.866 * np.abs(x) - 0.5 * y - 0.433, y - 0.866)
    return distance


def _star(x: Plane, y: Plane) -> Plane:
    """Five points, by folding all ten half-points onto one edge.  Source: I. Quilez, sdStar5."""
    a, b = np.float32(np.cos(np.pi / 5)), np.float32(np.sin(np.pi / 5))
    x, y = np.abs(x), -y
    fold = 2 * np.maximum(a * x - b * y, 0)
    x, y = x - fold * a, y + fold * b
    fold = 2 * np.maximum(-a * x - b * y, 0)
    x, y = np.abs(x + fold * a), y + fold * b
    edge_x, edge_y = 0.45 * b, 0.45 * a - 1  # from the point (0, 1) to the inner corner
    distance: Plane = ((y - 1) * edge_x - x * edge_y) / np.hypot(edge_x, edge_y)
    return distance


def _ring(x: Plane, y: Plane) -> Plane:
    distance: Plane = np.abs(np.sqrt(x * x + y * y) - 0.75) - 0.25
    return distance


def _cross(x: Plane, y: Plane) -> Plane:
    x, y = np.abs(x), np.abs(y)
    distance: Plane = np.maximum(np.maximum(x, y) - 1, np.minimum(x, y) - 0.33)
    return distance


DISTANCES: dict[str, Callable[[Plane, Plane], Plane]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "ring": _ring,
    "cross": _cross,
}
