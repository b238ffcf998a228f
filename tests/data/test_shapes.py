import dataclasses
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minimagen.config import parse
from minimagen.data.shapes import (
    HELD_OUT,
    Mix,
    Scene,
    ShapesConfig,
    ShapesSource,
    Thing,
    Variant,
    scene,
    scene_for,
)
from minimagen.data.world import (
    COLOURS,
    PLACES,
    RELATIONS,
    SHAPES,
    all_pairs,
    held_out_places,
    place_of,
)
from minimagen.errors import ConfigError

NUMBERS = {"a": 1, "an": 1, "two": 2, "three": 3}
VARIANTS: tuple[Variant, ...] = ("single", "scenes")
COLUMN = {"left": lambda x: x < 0.5, "right": lambda x: x > 0.5}
ROW = {"top": lambda y: y < 0.5, "bottom": lambda y: y > 0.5}
PHRASE = re.compile(
    r"(?P<count>an?|two|three) ((?P<size>small|large) )?(?P<colour>\w+) "
    rf"(?P<shape>{'|'.join(SHAPES['scenes'])})(es|s)?"
    rf"( (?P<place>{'|'.join(sorted(sum(PLACES, ()), key=len, reverse=True))}))?"
)


def phrase_is_true(phrase: str, things: tuple[Thing, ...]) -> bool:
    said = PHRASE.fullmatch(phrase)
    assert said is not None, phrase
    meant = [t for t in things if (t.colour, t.shape) == (said["colour"], said["shape"])]
    sizes = {"small": (0.16, 0.2), "large": (0.27, 0.34), None: (0.0, 1.0)}
    low, high = sizes[said["size"]]
    return (
        len(meant) == NUMBERS[said["count"]]
        and all(low <= thing.radius <= high for thing in meant)
        and all(place_is_true(said["place"] or "", thing) for thing in meant)
    )


def place_is_true(place: str, thing: Thing) -> bool:
    words = place.split()
    if "middle" in words:
        return abs(thing.x - 0.5) <= 0.08 and abs(thing.y - 0.5) <= 0.08
    return all(COLUMN[w](thing.x) for w in words if w in COLUMN) and all(
        ROW[w](thing.y) for w in words if w in ROW
    )


def relation_is_true(relation: str, a: Thing, b: Thing) -> bool:
    gap = a.radius + b.radius
    return {
        "and": True,
        "left of": b.x - a.x > gap,
        "right of": a.x - b.x > gap,
        "above": b.y - a.y > gap,
        "below": a.y - b.y > gap,
    }[relation]


def caption_is_true(described: Scene) -> bool:
    link = re.search(f" (and|{'|'.join(RELATIONS)}) (?=an? )", described.caption)
    if link is None:
        return phrase_is_true(described.caption, described.things)
    first, second = described.caption[: link.start()], described.caption[link.end() :]
    a, b = described.things
    return (
        phrase_is_true(first, (a,))
        and phrase_is_true(second, (b,))
        and relation_is_true(link[1], a, b)
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_caption_is_true_of_its_scene(variant: Variant) -> None:
    for index in range(600):
        described = scene(0, index, variant)
        assert caption_is_true(described), described


def test_scenes_never_show_a_held_out_colour_and_shape() -> None:
    drawn = {(t.colour, t.shape) for index in range(1500) for t in scene(1, index, "scenes").things}
    assert drawn == {(colour, shape) for colour in COLOURS for shape in SHAPES["scenes"]} - set(
        HELD_OUT
    )


def test_single_things_are_everywhere_but_at_their_held_out_places() -> None:
    """18 combinations x 7 places, all of which occur in 3,000 scenes."""
    things = [scene(1, index, "single").things[0] for index in range(3000)]
    drawn = {(t.colour, t.shape, place_of(t)) for t in things}
    assert not any(place in held_out_places((colour, shape)) for colour, shape, place in drawn)
    assert len(drawn) == 18 * 7


def test_every_place_is_held_out_equally_often() -> None:
    places = Counter(place for pair in all_pairs("single") for place in held_out_places(pair))
    assert len(places) == 9
    assert set(places.values()) == {4}


@settings(max_examples=100)
@given(seed=st.integers(0, 2**63), index=st.integers(0, 10**9), variant=st.sampled_from(VARIANTS))
def test_things_lie_inside_and_apart(seed: int, index: int, variant: Variant) -> None:
    things = scene(seed, index, variant).things
    for number, a in enumerate(things):
        assert min(a.x, a.y) - a.radius >= 0.02 - 1e-9
        assert max(a.x, a.y) + a.radius <= 0.98 + 1e-9
        for b in things[:number]:
            assert max(abs(a.x - b.x), abs(a.y - b.y)) > a.radius + b.radius


def test_a_scene_follows_from_seed_and_index_alone() -> None:
    assert scene(3, 5, "scenes") == scene(3, 5, "scenes")
    assert len({scene(3, index, "scenes") for index in range(100)}) == 100
    assert scene(3, 5, "scenes") != scene(4, 5, "scenes")


def test_sizes_places_counts_and_relations_all_occur() -> None:
    text = " ".join(scene(0, index, "scenes").caption for index in range(1500))
    for words in ("small", "large", "two", "three", "and", *RELATIONS, *sum(PLACES, ())):
        assert words in text


def test_kinds_of_scenes_come_as_often_as_a_mix_says() -> None:
    """A share p of n draws lies within 4 (p (1 - p) / n)^0.5 of p, all but once in 10,000."""
    mix = Mix(one=2, some=1, two=2, related=5)
    texts = [scene(0, index, "scenes", mix).caption for index in range(2000)]
    found = {
        "some": sum(text.startswith(("two", "three")) for text in texts),
        "two": sum(" and " in text for text in texts),
        "related": sum(any(f" {relation} a" in text for relation in RELATIONS) for text in texts),
    }
    found["one"] = 2000 - sum(found.values())
    for kind, count in found.items():
        share = getattr(mix, kind) / 10
        assert abs(count / 2000 - share) < 4 * (share * (1 - share) / 2000) ** 0.5, kind


@pytest.mark.parametrize("kind", ["one", "some", "two", "related"])
def test_a_mix_may_be_of_one_kind(kind: str) -> None:
    none = dict.fromkeys(("one", "some", "two", "related"), 0.0)
    scenes = [scene(0, index, "scenes", Mix(**{**none, kind: 1.0})) for index in range(50)]
    assert {len(one.things) for one in scenes} == {"one": {1}, "some": {2, 3}}.get(kind, {2})
    assert all((" and " in one.caption) == (kind == "two") for one in scenes)


def test_the_usual_mix_is_what_a_scene_without_one_follows() -> None:
    usual = Mix(one=0.4, some=0.25, two=0.0875, related=0.2625)
    assert [scene(0, index, "scenes", usual) for index in range(100)] == [
        scene(0, index, "scenes") for index in range(100)
    ]


def test_a_scene_can_be_asked_for_a_held_out_combination() -> None:
    for pair in HELD_OUT:
        described = scene_for(pair, seed=0, index=7)
        (thing,) = described.things
        assert (thing.colour, thing.shape) == pair
        assert caption_is_true(described)


def test_the_source_serves_scenes_and_is_known_by_its_parameters() -> None:
    config = ShapesConfig(size=10, variant="single", seed=2)
    source = ShapesSource(config)
    assert len(source) == 10
    assert source.captions(3) == (scene(2, 3, "single").caption,)
    assert source.picture(3, 48).shape == (48, 48, 3)
    others = [
        dataclasses.replace(config, size=9),
        dataclasses.replace(config, seed=3),
        dataclasses.replace(config, variant="scenes"),
        dataclasses.replace(config, variant="scenes", mix=Mix(one=1)),
    ]
    assert len({ShapesSource(c).fingerprint for c in (config, *others)}) == 5
    assert (
        ShapesSource(ShapesConfig(size=10, variant="single", seed=2)).fingerprint
        == source.fingerprint
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"size": 0}',
        '{"variant": "double"}',
        '{"colour": "red"}',
        '{"seed": -1}',
        '{"mix": {"one": -1}}',
        '{"mix": {"three": 1}}',
        '{"mix": {"one": 0, "some": 0, "two": 0, "related": 0}}',
        '{"variant": "single", "mix": {"one": 1}}',
    ],
)
def test_impossible_parameters_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(ShapesConfig, text, "here")
