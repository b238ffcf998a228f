"""How the page looks: one accent, quiet paper, the fonts of the visitor's own system.

Colours and sizes are gradio's theme variables; what they cannot say is in ``page.css``. No font is
fetched, from here or from elsewhere.
"""

from pathlib import Path

import gradio as gr

CSS = Path(__file__).parent / "page.css"
FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
FONT_MONO = ("ui-monospace", "SFMono-Regular", "Consolas", "monospace")
TEAL = gr.themes.Color(
    "#effaf8", "#d3f1ec", "#a9e2da", "#74ccc2", "#42afa5", "#26938a",
    "#1a7670", "#185f5b", "#184c49", "#173f3d", "#072624",
)  # fmt: skip


def theme() -> gr.themes.Base:
    """Return the page's theme; it follows the visitor's choice of light or dark."""
    made = gr.themes.Base(
        primary_hue=TEAL,
        secondary_hue=TEAL,
        neutral_hue="stone",
        radius_size="lg",
        font=FONT,
        font_mono=FONT_MONO,
    )
    return made.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color_subdued="*neutral_500",  # the default is too pale to read with ease
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_500",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_text_color="white",
        button_secondary_background_fill="*neutral_100",
        button_secondary_background_fill_hover="*neutral_200",
    )
