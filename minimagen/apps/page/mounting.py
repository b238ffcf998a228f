"""How the page is put onto a server: with all of gradio shut that the page does not need."""

import os
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI

from minimagen.apps.page.door import Door
from minimagen.apps.page.layout import build_page
from minimagen.apps.page.theme import CSS, theme
from minimagen.apps.studio import Studio
from minimagen.apps.uploads import MAX_BYTES

KEYBOARD = Path(__file__).parent / "keyboard.js"
WAITING = 32  # events of the page that may wait; further ones are refused with 503


def mount(app: FastAPI, studio: Studio) -> None:
    """Put the page at ``/`` of a server; what it offers already keeps its paths.

    Args:
        app: the server.
        studio: draws; below its history's output directory is everything that the page serves.
    """
    history, uploads = studio.history, studio.history.output / "uploads"
    uploads.mkdir(exist_ok=True)
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)  # gradio reads it when elements are made
    served = [history.root, history.archives]
    gr.set_static_paths([str(folder) for folder in served])
    page = build_page(studio)
    page.queue(max_size=WAITING, api_open=False)
    gr.mount_gradio_app(
        app,
        page,
        path="",
        theme=theme(),
        css_paths=CSS,
        js=KEYBOARD.read_text(encoding="utf-8"),
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=MAX_BYTES,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
    )
    mounted: Any = app.routes[-1]
    mounted.app = Door(mounted.app, folders=[uploads, *served], uploads=uploads)
