"""gradio's painting tool, which decodes what visitors send within our bounds, and its mask."""

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import FileData
from PIL import Image

from minimagen.apps.uploads import read_picture

PAINT = "#e6007e"  # what is painted over: seen on any picture


def brush_for(side: int) -> gr.Brush:
    """Return a brush that suits a picture, whose longer side is so many pixels."""
    return gr.Brush(default_size=max(2, side // 12), colors=[PAINT], color_mode="fixed")


def picture_editor(**options: Any) -> gr.ImageEditor:
    """Make gradio's editor, which looks at a file's size before it decodes it.

    (A subclass would make gradio write a stub beside this file when it is imported.)
    """
    editor = gr.ImageEditor(type="pil", format="png", brush=brush_for(512), **options)
    decode = editor.convert_and_format_image

    def within_bounds(file: Any, *args: Any, **named: Any) -> Any:
        if isinstance(file, FileData):
            try:
                read_picture(Path(file.path).read_bytes())
            except ValueError as error:
                raise gr.Error(f"The picture: {error}.", print_exception=False) from None
        elif file is not None:
            raise gr.Error("The picture: upload a file.", print_exception=False)
        return decode(file, *args, **named)

    vars(editor)["convert_and_format_image"] = within_bounds
    return editor


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
