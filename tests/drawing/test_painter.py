"""An image follows from its number and its caption, not from the others that are drawn with it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minimagen import Imagen
from minimagen.conditioning import TextEmbedding
from minimagen.drawing.batches import Batch, batches_of
from minimagen.drawing.inputs import Inputs
from minimagen.drawing.painter import Painter
from minimagen.drawing.settings import ImageRecord, Settings
from minimagen.imagen import Caption
from tests.tiny_runs import drawn_cascade

CAPTIONS = ["a circle", "a small (red:1.5) square right of a large blue ring", "a dot", "a ring"]
NOTHING = Inputs({})


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_cascade(tmp_path_factory.mktemp("cascade") / "training_x", 16, 32)


@pytest.fixture
def imagen(directory: Path) -> Imagen:
    return Imagen.load(directory)


def settings_of(captions: Sequence[str]) -> Settings:
    prompts = tuple(ImageRecord(given=text, expanded=text) for text in captions)
    return Settings(
        training_directory="x", prompts=prompts, negative_caption="noise", guidance_scale=(2.0,)
    )


def painter_of(imagen: Imagen, captions: Sequence[str]) -> Painter:
    settings = settings_of(captions)
    return Painter(imagen, settings, NOTHING, imagen.plan(**settings.how))


def drawn(imagen: Imagen, captions: Sequence[str], size: int) -> list[Image.Image]:
    painter = painter_of(imagen, captions)
    return [image for batch in batches_of(len(captions), size) for image in painter.draw(batch)]


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_an_image_has_the_same_bytes_whatever_the_order_of_the_others(
    imagen: Imagen, place: int
) -> None:
    """Every other caption changes places; the longest comes and goes from the image's batch."""
    others = [caption for caption in CAPTIONS if caption != CAPTIONS[place]][::-1]
    turned = [*others[:place], CAPTIONS[place], *others[place:]]
    one, two = (drawn(imagen, captions, 2)[place] for captions in (CAPTIONS, turned))
    assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("size", [1, 3, 4])
def test_another_batch_changes_no_pixel_by_more_than_one(imagen: Imagen, size: int) -> None:
    for one, two in zip(drawn(imagen, CAPTIONS, 2), drawn(imagen, CAPTIONS, size), strict=True):
        assert np.abs(np.asarray(one, int) - np.asarray(two, int)).max() <= 1


def test_it_draws_what_sampling_draws(imagen: Imagen) -> None:
    settings = settings_of(CAPTIONS)
    prompts = [settings.prompt(place) for place in range(4)]
    plain = imagen.generate(prompts, batch_size=2, **settings.how)
    assert [a.tobytes() for a in plain] == [b.tobytes() for b in drawn(imagen, CAPTIONS, 2)]


def test_each_caption_is_embedded_once(imagen: Imagen, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Caption] = []
    encode = imagen.encode

    def counted(captions: Sequence[Caption]) -> TextEmbedding | None:
        seen.extend(captions)
        return encode(captions)

    monkeypatch.setattr(imagen, "encode", counted)
    painter = painter_of(imagen, CAPTIONS * 3)
    for batch in (Batch(0, 2), Batch(4, 2)):
        painter.draw(batch)
    assert len(seen) == len(set(seen)) == len(CAPTIONS) + 1
