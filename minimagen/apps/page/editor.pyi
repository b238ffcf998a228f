"""gradio's painting tool, which decodes what visitors send within our bounds, and its mask."""

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import FileData
from PIL import Image

from minimagen.apps.uploads import read_picture

BRUSH = "#e6007e"  # what is painted over: seen on any picture

from gradio.events import Dependency

class PictureEditor(gr.ImageEditor):
    """A picture, and on it what a brush painted."""

    def get_block_name(self) -> str:
        """Say which of gradio's elements it is."""
        return "imageeditor"

    def convert_and_format_image(self, file: Any, flatten_on_white: bool = False) -> Any:
        """Look at a file's size before gradio decodes it.

        Raises:
            gr.Error: for no picture, or one that is too large.
        """
        if isinstance(file, FileData):
            try:
                read_picture(Path(file.path).read_bytes())
            except ValueError as error:
                raise gr.Error(f"The picture: {error}.", print_exception=False) from None
        elif file is not None:
            raise gr.Error("The picture: upload a file.", print_exception=False)
        return super().convert_and_format_image(file, flatten_on_white)
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component


def painted(value: dict[str, Any] | None) -> tuple[Image.Image, Image.Image] | None:
    """Return the picture and its mask, white where the brush was; None without a picture.

    Args:
        value: what the editor holds: background, layers and composite.
    """
    if not value or value.get("background") is None:
        return None
    background: Image.Image = value["background"].convert("RGB")
    mask = np.zeros((background.height, background.width), dtype=bool)
    for layer in value.get("layers") or ():
        fitted = layer.convert("RGBA").resize(background.size, Image.Resampling.NEAREST)
        mask |= np.asarray(fitted.getchannel("A")) > 0
    return background, Image.fromarray(np.where(mask, 255, 0).astype(np.uint8))