"""What a word decides is what changes without it."""

import torch

from minimagen import Imagen
from minimagen.conditioning import Conditioning
from minimagen.looking.moments import noised
from minimagen.looking.words import word_maps, words_of


def test_every_word_is_taken_out_once() -> None:
    assert words_of("a red ring, left of  a sign") == {
        "a": "red ring, left of a sign",
        "red": "a ring, left of a sign",
        "ring": "a red , left of a sign",
        "left": "a red ring, of a sign",
        "of": "a red ring, left a sign",
        "a (2)": "a red ring, left of sign",
        "sign": "a red ring, left of a",
    }
    assert words_of("") == {}


def test_a_map_is_the_change_of_the_estimate(imagen: Imagen) -> None:
    stage = imagen.stages[0]
    text, other = imagen.encode(["a red ring"]), imagen.encode(["a ring"])
    assert text is not None
    assert other is not None
    images = torch.zeros(1, 3, 16, 16)
    moments = noised(stage, images, Conditioning(text), [0.3, 0.6])
    without = noised(stage, images, Conditioning(other), [0.3, 0.6])
    changes = [(m.x_0 - w.x_0).abs().mean(dim=1) for m, w in zip(moments, without, strict=True)]
    found = word_maps(stage, moments, [other, text])
    assert torch.allclose(found[:, 0], torch.stack(changes).mean(dim=0), atol=1e-6)
    assert found[:, 1].max() == 0
