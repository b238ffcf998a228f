"""Any string a data set may hold becomes text that every tokenizer survives."""

import re
import unicodedata

_MARKUP = re.compile(r"<(?=[^\s<>]+>)")


def clean(caption: str) -> str:
    """Make a caption safe to tokenize, and leave an ordinary one as it is.

    Lone surrogates become "?", control characters and runs of white space one space. A "</s>",
    "<extra_id_0>" or "<0x41>" written in a caption gets a space after its "<", because tokenizers
    take such strings for their own symbols even when told not to.
    """
    if caption.isascii() and caption.isprintable() and "<" not in caption:
        return " ".join(caption.split())  # the same, many times faster
    caption = caption.encode("utf-8", "replace").decode("utf-8")
    caption = "".join(" " if unicodedata.category(char) == "Cc" else char for char in caption)
    return " ".join(_MARKUP.sub("< ", caption).split())
