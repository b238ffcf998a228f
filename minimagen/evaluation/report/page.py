"""A page in one file: text, tables, pictures and plots, nothing fetched from anywhere.

Whoever reports fills :class:`Page` with sections of blocks; only this file knows HTML, and
everything that reaches it as text is escaped.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Protocol

from PIL import Image

LARGEST = 256  # longer side of a picture on the page, in pixels


class Block(Protocol):
    """A part of a section."""

    def html(self) -> str:
        """Write it."""


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str

    def html(self) -> str:
        """Write it."""
        return f"<p>{escape(self.text)}</p>"


@dataclass(frozen=True)
class Warnings:
    """What a reader must know before believing the numbers; nothing where there is nothing."""

    lines: Sequence[str]

    def html(self) -> str:
        """Write it."""
        items = "".join(f"<li>{escape(line)}</li>" for line in self.lines)
        return f'<ul class="warnings">{items}</ul>' if items else ""


@dataclass(frozen=True)
class Table:
    """Rows of text; columns after the first are numbers, and stand on the right.

    Args:
        columns: headings.
        rows: a cell for each column.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def html(self) -> str:
        """Write it."""
        head = "".join(f"<th>{escape(column)}</th>" for column in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.rows
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f'<div class="wide">{table}</div>'


@dataclass(frozen=True)
class Shown:
    """Pictures that belong together, with a line below them.

    Args:
        pictures: side by side.
        caption: what they show.
        note: a second line, smaller.
        mark: colours their frame: ``right`` or ``wrong``; nothing when empty.
    """

    pictures: Sequence[Image.Image]
    caption: str
    note: str = ""
    mark: str = ""

    def html(self) -> str:
        """Write it."""
        images = "".join(_picture(picture, self.caption) for picture in self.pictures)
        note = f"<small>{escape(self.note)}</small>" if self.note else ""
        return (
            f'<figure class="{escape(self.mark)}"><div>{images}</div>'
            f"<figcaption>{escape(self.caption)}{note}</figcaption></figure>"
        )


@dataclass(frozen=True)
class Sheet:
    """Many pictures, as many in a row as there is room for."""

    entries: Sequence[Shown]

    def html(self) -> str:
        """Write it."""
        wide = max((len(entry.pictures) for entry in self.entries), default=1)
        inside = "".join(entry.html() for entry in self.entries)
        return f'<div class="sheet" style="--wide:{wide}">{inside}</div>'


@dataclass(frozen=True)
class Plot:
    """A plot.

    Args:
        svg: as matplotlib writes it.
        about: what it shows, for those who cannot see it.
    """

    svg: bytes
    about: str

    def html(self) -> str:
        """Write it."""
        return f'<img class="plot" alt="{escape(self.about)}" src="{_data("svg+xml", self.svg)}">'


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it.

    Args:
        title: the heading.
        blocks: from top to bottom.
        is_narrow: whether two of its kind may stand side by side.
    """

    title: str
    blocks: Sequence[Block]
    is_narrow: bool = False

    def html(self) -> str:
        """Write it."""
        kind = ' class="narrow"' if self.is_narrow else ""
        return f"<section{kind}><h2>{escape(self.title)}</h2>{_written(self.blocks)}</section>"


@dataclass(frozen=True)
class Page:
    """The whole page.

    Args:
        title: its name.
        facts: what it is about, as names and values.
        sections: from the most to the least important.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]

    def html(self) -> str:
        """Write the page."""
        style = files("minimagen.evaluation.report").joinpath("page.css").read_text("utf-8")
        facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(to)}</dd>" for name, to in self.facts)
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{style}</style></head><body>"
            f"<header><h1>{escape(self.title)}</h1><dl>{facts}</dl></header>"
            f"<main>{_written(self.sections)}</main></body></html>\n"
        )


def _written(parts: Sequence[Block]) -> str:
    return "".join(_each(parts))


def _each(parts: Sequence[Block]) -> Iterator[str]:
    for part in parts:
        yield part.html()


def _picture(picture: Image.Image, about: str) -> str:
    """Write a picture as it is, reduced where it is large; the page enlarges it by whole pixels."""
    small = picture.copy()
    small.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    png = io.BytesIO()
    small.save(png, format="PNG", optimize=True)
    return f'<img alt="{escape(about)}" src="{_data("png", png.getvalue())}">'


def _data(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
