"""Which pixels a word of a caption decides.

An encoder puts a word into every token that reads it, so the attention that a word's own token gets
need not say much about the word. What the network sees in the noise with the word and without
does.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from minimagen.conditioning import TextEmbedding
from minimagen.imagen import Imagen
from minimagen.looking.moments import Moment, plain
from minimagen.stage import Stage
from minimagen.text.captions import clean
from minimagen.text.prompts import Weight
from minimagen.text.weighting import without


def words_of(caption: str) -> dict[str, str]:
    """Return for each word of a caption, told apart where it comes again, the caption without it.

    >>> words_of("a red ring")
    {'a': 'red ring', 'red': 'a ring', 'ring': 'a red'}
    """
    caption, found = clean(caption), {}
    for match in re.finditer(r"\w+(?:[-'\u2019]\w+)*", caption):
        word, again = match[0], 2
        while word in found:
            word, again = f"{match[0]} ({again})", again + 1
        found[word] = without(caption, Weight(match.start(), match.end(), 0.0))
    return found


def shorter(imagen: Imagen, caption: str, most: int | None = None) -> dict[str, TextEmbedding]:
    """Return for each word of a caption what the caption without it is to a cascade, (1, L, D).

    Args:
        imagen: embeds; one that reads no captions has none.
        caption: whose words.
        most: so many words at most, the first ones; None is all.
    """
    found = list(words_of(caption).items())[:most]
    texts = {word: imagen.encode([rest]) for word, rest in found}
    return {word: text for word, text in texts.items() if text is not None}


@torch.no_grad()
def word_maps(
    stage: Stage, moments: Sequence[Moment], without_each: Sequence[TextEmbedding]
) -> Tensor:
    """Return how much each pixel's estimate changes when a word is taken out of the caption.

        |x_0(caption) - x_0(caption without the word)|,   a mean over channels and moments

    Args:
        stage: its network, without guidance.
        moments: of this stage, all of the same pictures.
        without_each: the captions without each word, (B, L, D) each.

    Returns:
        (B, W, H, W) in the order of the words; values of pictures in [-1, 1].
    """
    return torch.stack([_changes(stage, moment, without_each) for moment in moments]).mean(dim=0)


def _changes(stage: Stage, moment: Moment, without_each: Sequence[TextEmbedding]) -> Tensor:
    t = torch.full((len(moment.x_t),), moment.t, dtype=torch.float64)
    whole = plain(stage, moment.cond)(moment.x_t, t)
    others = [replace(moment.cond, text=text.to(stage.device)) for text in without_each]
    found = [(plain(stage, cond)(moment.x_t, t) - whole).abs().mean(dim=1) for cond in others]
    return torch.stack(found, dim=1)
