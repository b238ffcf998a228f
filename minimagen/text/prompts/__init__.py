r"""How captions are written for drawing: styles, wildcards, weighted words. Text alone.

The order is style, wildcards, weights. Training captions never come through here: they are literal.

| written | means |
|---|---|
| ``(red:1.4)`` | a weight; inside one another they multiply |
| ``{red|blue}`` | one of these |
| ``__colour__`` | one of the lines of ``colour.txt`` |
| ``\(``, ``\{``, ``\|``, ``\:``, ``\_``, ``\\`` | the character itself |

Parentheses without a weight and braces without a ``|`` are themselves.
"""

from minimagen.text.prompts.prompt import Prompt, Weight, literal, read_prompt
from minimagen.text.prompts.styles import in_style, read_styles
from minimagen.text.prompts.wildcards import expand_all, expand_one, read_lists

__all__ = [
    "Prompt",
    "Weight",
    "expand_all",
    "expand_one",
    "in_style",
    "literal",
    "read_lists",
    "read_prompt",
    "read_styles",
]
