"""A page is one file: it fetches nothing, and text stays text."""

import re
from html.parser import HTMLParser

from PIL import Image

from minimagen.evaluation.report.page import Page, Plot, Section, Sheet, Shown, Table, Text
from minimagen.evaluation.report.page import Warnings as Doubts

ALONE = {"meta", "img", "br", "link"}
EVIL = '<script>alert("x")</script>'


class Nesting(HTMLParser):
    """Checks that every element is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag not in ALONE:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page() -> str:
    picture = Image.new("RGB", (600, 300), "red")
    blocks = [
        Text(EVIL),
        Doubts([EVIL]),
        Table([EVIL, "b"], [[EVIL, "2"]]),
        Sheet([Shown([picture, picture], EVIL, EVIL, "right")]),
        Plot(b"<svg></svg>", EVIL),
    ]
    return Page(EVIL, [(EVIL, EVIL)], [Section(EVIL, blocks)]).html()


def test_its_elements_are_closed_and_its_text_is_text() -> None:
    nesting = Nesting()
    nesting.feed(page())
    assert nesting.open == []
    assert "script" not in nesting.seen
    assert nesting.seen.count("img") == 3


def test_it_fetches_nothing() -> None:
    for place in re.findall(r'(?:src|href)="([^"]{0,20})', page()) + re.findall(
        r"url\(([^)]{0,20})|@import", page()
    ):
        assert place.startswith("data:image/")


def test_large_pictures_are_reduced_and_small_ones_are_not() -> None:
    small = Sheet([Shown([Image.new("RGB", (64, 64))], "")]).html()
    large = Sheet([Shown([Image.effect_noise((2000, 2000), 90).convert("RGB")], "")]).html()
    assert len(small) < 1000
    assert len(large) < 400_000


def test_nothing_to_warn_of_is_nothing() -> None:
    assert Doubts([]).html() == ""
