"""What is noted is what happened, and noting it changes nothing."""

import pytest
import torch

from minimagen import Imagen
from minimagen.conditioning import Conditioning
from minimagen.editing.image_to_image import image_to_image
from minimagen.looking.moments import Moment, noised, noting
from minimagen.sampling.walk import levels

CAPTIONS = ["a red circle", "a blue square"]


def test_noting_changes_no_bit_and_sees_every_call(imagen: Imagen) -> None:
    seen: list[Moment] = []
    drawn = imagen.sample(CAPTIONS, steps=3, edit=noting(seen))
    assert torch.equal(drawn, imagen.sample(CAPTIONS, steps=3))
    assert [moment.stage for moment in seen] == [0] * 3 + [1] * 3
    for stage, moments in zip(imagen.stages, (seen[:3], seen[3:]), strict=True):
        stops = levels(stage.times(3), stage.config.schedule)
        assert [m.t for m in moments] == pytest.approx([stop.t for stop in stops[:-1]])
        assert [m.log_snr for m in moments] == pytest.approx([s.log_snr for s in stops[:-1]])


def test_the_last_estimate_is_the_picture(imagen: Imagen) -> None:
    """DDIM's last step keeps sigma_0 / sigma_t of the noise, 1e-3 at the most."""
    seen: list[Moment] = []
    drawn = imagen.sample(CAPTIONS, sampler="ddim", edit=noting(seen))
    assert torch.allclose(seen[-1].x_0.clamp(-1, 1), drawn, atol=4e-3)


def test_what_an_edit_does_is_noted(imagen: Imagen) -> None:
    seen: list[Moment] = []
    edit = image_to_image(torch.zeros(1, 3, 32, 32), 0.5)
    drawn = imagen.sample(CAPTIONS, steps=4, edit=noting(seen, edit))
    assert torch.equal(drawn, imagen.sample(CAPTIONS, steps=4, edit=edit))
    assert max(moment.t for moment in seen if moment.stage == 0) == 0.5


def test_noise_on_a_picture_is_what_its_level_says(imagen: Imagen) -> None:
    """Variance of 768 draws: within 15 % of 1, which is three standard errors."""
    stage = imagen.stages[0]
    images = torch.full((1, 3, 16, 16), 0.5)
    cond = Conditioning(imagen.encode(CAPTIONS[:1]))
    for moment in noised(stage, images, cond, [0.2, 0.6]):
        [level] = levels(torch.tensor([moment.t]), stage.config.schedule)
        eps = (moment.x_t - level.alpha * images) / level.sigma
        assert eps.mean().abs() < 0.12
        assert eps.var() == pytest.approx(1, rel=0.15)
