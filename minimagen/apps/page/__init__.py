"""The web page: four tabs over the studio, its history and its runs; no logic of their own.

A tab is a file: ``build_..`` lays it out, ``wire_..`` says what its buttons do. Everything is asked
of the studio, as the REST interface does. gradio's only door; it is imported when a page is made.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # gradio takes seconds to import
    from fastapi import FastAPI

    from minimagen.apps.studio import Studio


def mount_page(app: "FastAPI", studio: "Studio") -> None:
    """Put the page at ``/`` of a server; what it offers already keeps its paths.

    Args:
        app: the server.
        studio: draws; below its history's output directory is everything that the page serves.
    """
    from minimagen.apps.page.mounting import mount

    mount(app, studio)
