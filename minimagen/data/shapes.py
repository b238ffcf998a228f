"""The built-in data ``shapes``: seeded scenes with exact captions, drawn at any size.

Scene i follows from (seed, i) alone. Held-out combinations never appear in a scene made by
:func:`scene`; :func:`scene_for` draws any colour and shape on request, for testing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from PIL import Image
from pydantic import Field, model_validator

from minimagen.config import config, dump, to_plain
from minimagen.data.drawing import Picture, draw
from minimagen.data.framing import Frame
from minimagen.data.grammar import (
    COUNTS,
    Draws,
    caption_stream,
    held_out_captions,
    linked,
    one,
    several,
)
from minimagen.data.world import (
    COLOURS,
    GROUND,
    HELD_OUT,
    SIZES,
    Pair,
    Scene,
    Thing,
    Variant,
    held_out_places,
    place_of,
    relation_of,
    trained_pairs,
)

__all__ = [
    "COLOURS",
    "HELD_OUT",
    "Mix",
    "Scene",
    "ShapesConfig",
    "ShapesSource",
    "Thing",
    "Variant",
    "caption_stream",
    "draw",
    "held_out_captions",
    "scene",
    "scene_for",
]

EDITION = 1  # raise it when the same seed no longer gives the same pictures
MARGIN = 0.02  # between things and the picture's edge
GAP = 0.03  # between things
LARGEST = 4096  # side that a scene is drawn at, in pixels


Share = Annotated[float, Field(ge=0)]


@config
class Mix:
    """How often each kind of scene comes, in proportion to the others.

    Args:
        one: one thing.
        some: two or three of a kind.
        two: two things.
        related: two things, and where the first one stands.
    """

    one: Share = 0.4
    some: Share = 0.25
    two: Share = 0.0875
    related: Share = 0.2625

    @model_validator(mode="after")
    def _has_something(self) -> "Mix":
        if not self.total:
            raise ValueError("a mix of nothing; give one, some, two or related more than 0")
        return self

    @property
    def total(self) -> float:
        """What all kinds come to."""
        return self.one + self.some + self.two + self.related


@config
class ShapesConfig:
    """Which of the built-in scenes to use.

    Args:
        size: how many.
        variant: single things, or scenes of all kinds.
        seed: scene i follows from it, i and the mix.
        mix: of the kinds of scenes; None is the usual one.
    """

    size: Annotated[int, Field(ge=1)] = 4096
    variant: Variant = "scenes"
    seed: Annotated[int, Field(ge=0)] = 0
    mix: Mix | None = None

    @model_validator(mode="after")
    def _mixes_scenes_alone(self) -> "ShapesConfig":
        if self.mix and self.variant == "single":
            raise ValueError("mix belongs to the variant 'scenes'; 'single' has one kind only")
        return self


USUAL = Mix()


@dataclass(frozen=True)
class ShapesSource:
    """The first ``size`` scenes of a seed, as a :class:`~minimagen.data.items.Source`."""

    config: ShapesConfig

    @property
    def fingerprint(self) -> str:
        """Sha256 of the parameters that are given and of the edition of the world."""
        told = {name: value for name, value in to_plain(self.config).items() if value is not None}
        return hashlib.sha256(f"shapes {EDITION} {dump(told)}".encode()).hexdigest()

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing needs saying."""
        return ()

    def __len__(self) -> int:
        """Return how many scenes there are."""
        return self.config.size

    def name(self, index: int) -> str:
        """Name a scene."""
        return f"shapes/{self.config.variant}/{self.config.seed}/{index}"

    def captions(self, index: int) -> tuple[str, ...]:
        """Return a scene's caption."""
        return (self._scene(index).caption,)

    def size(self, index: int) -> tuple[int, int]:
        """Return the largest size that is ever asked for: a scene is drawn, never enlarged."""
        return LARGEST, LARGEST

    def picture(self, index: int, shape: int | Frame) -> Picture:
        """Draw a scene as large as the frame's longer side, and fit it."""
        frame = Frame.of(shape)
        drawn = draw(self._scene(index), max(frame.height, frame.width))
        return drawn if frame.height == frame.width else frame.fit(Image.fromarray(drawn))

    def _scene(self, index: int) -> Scene:
        mix = self.config.mix or USUAL
        return scene(self.config.seed, index, self.config.variant, mix)


def scene(seed: int, index: int, variant: Variant, mix: Mix = USUAL) -> Scene:
    """Make scene number ``index`` of a seed."""
    draws = Draws(seed, "shapes", variant, index)
    pairs = trained_pairs(variant)
    if variant == "single":
        pair = draws.pick(pairs)
        return _one(pair, draws, never_at=held_out_places(pair))
    form = draws.between(0, mix.total)
    if form < mix.one:
        return _one(draws.pick(pairs), draws)
    if form < mix.one + mix.some:
        return _several(draws.pick(pairs), draws)
    return _two_kinds(pairs, mix.related / (mix.two + mix.related), draws)


def scene_for(pair: Pair, seed: int, index: int) -> Scene:
    """Make a scene of one thing with this colour and shape, held out or not."""
    return _one(pair, Draws(seed, "scene for", *pair, index))


def _one(pair: Pair, draws: Draws, never_at: Sequence[str] = ()) -> Scene:
    size = draws.pick(list(SIZES))
    radius = draws.between(*SIZES[size])
    thing = _thing(pair, radius, draws)
    while place_of(thing) in never_at:
        thing = _thing(pair, radius, draws)
    said_size = size if size != "medium" and draws.chance(0.5) else ""
    said_place = place_of(thing) if draws.chance(0.5) else ""
    return _scene((thing,), one(pair, said_size, said_place))


def _several(pair: Pair, draws: Draws) -> Scene:
    number, radius = draws.pick(list(COUNTS)), draws.between(0.11, 0.16)
    while True:
        things = tuple(_thing(pair, radius, draws) for _ in range(number))
        if all(_apart(a, b) > GAP for i, a in enumerate(things) for b in things[:i]):
            return _scene(things, several(pair, number))


def _two_kinds(pairs: list[Pair], related: float, draws: Draws) -> Scene:
    pair = draws.pick(pairs)
    other = draws.pick([another for another in pairs if another != pair])
    radii = draws.between(0.13, 0.2), draws.between(0.13, 0.2)
    while True:
        a, b = _thing(pair, radii[0], draws), _thing(other, radii[1], draws)
        # Clearly to one side, so that one relation is right and the others are wrong.
        if _apart(a, b) > GAP and abs(abs(a.x - b.x) - abs(a.y - b.y)) > 0.1:
            link = relation_of(a, b) if draws.chance(related) else "and"
            return _scene((a, b), linked(pair, link, other))


def _thing(pair: Pair, radius: float, draws: Draws) -> Thing:
    low, high = MARGIN + radius, 1 - MARGIN - radius
    return Thing(pair[1], pair[0], draws.between(low, high), draws.between(low, high), radius)


def _scene(things: tuple[Thing, ...], caption: str) -> Scene:
    return Scene(things, caption, ground=GROUND)


def _apart(a: Thing, b: Thing) -> float:
    """Width of the gap between two things' boxes; negative when they overlap."""
    return max(abs(a.x - b.x), abs(a.y - b.y)) - a.radius - b.radius
