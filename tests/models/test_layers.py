import math

import pytest
import torch
from torch import nn

from minimagen.models.layers import Down, LogSNREmbedding, PixelNorm, Up, coordinates, zeroed
from tests.models.networks import source


def test_pixel_norm_gives_each_pixel_mean_zero_and_variance_one_over_its_channels() -> None:
    """But for layer_norm's 1e-5 under the root."""
    x = 3 + 5 * torch.randn(2, 64, 4, 4, generator=source(0))
    y = PixelNorm(64)(x)
    assert torch.allclose(y.mean(1), torch.zeros(2, 4, 4), atol=1e-5)
    assert torch.allclose(y.var(1, correction=0), torch.ones(2, 4, 4), atol=1e-4)


def test_pixel_norm_looks_at_one_pixel_and_scales_channels() -> None:
    norm = PixelNorm(8)
    nn.init.normal_(norm.scale, generator=source(0))
    x = torch.randn(2, 8, 4, 4, generator=source(1))
    assert torch.allclose(norm(x)[..., 1:2, 2:3], norm(x[..., 1:2, 2:3]), atol=1e-6)
    plain = PixelNorm(8)(x)
    assert torch.allclose(norm(x), norm.scale.view(1, 8, 1, 1) * plain, atol=1e-6)


def test_log_snr_embedding_is_of_sines_and_cosines_of_the_documented_wavelengths() -> None:
    layer = LogSNREmbedding(6)
    assert torch.allclose(
        layer.frequencies.log().diff(), torch.full((15,), math.log(64) / 15), atol=1e-6
    )
    assert math.isclose(2 * math.pi / layer.frequencies[0].item(), 2 * math.pi * 16, rel_tol=1e-6)
    assert math.isclose(2 * math.pi / layer.frequencies[-1].item(), 2 * math.pi / 4, rel_tol=1e-6)
    log_snr = torch.tensor([-3.0, 7.0])
    waves = [f(log_snr[:, None] * layer.frequencies) for f in (torch.sin, torch.cos)]
    assert torch.equal(layer(log_snr), layer.mlp(torch.cat(waves, dim=1)))


def test_levels_from_end_to_end_have_different_embeddings() -> None:
    """No two of 61 levels from -15 to 15 share their sines and cosines."""
    layer = LogSNREmbedding(6)
    layer.mlp = nn.Identity()
    waves = layer(torch.linspace(-15, 15, 61))
    distances = torch.cdist(waves, waves) + 9 * torch.eye(61)
    assert distances.min() > 0.1


def test_down_halves_and_up_doubles_without_losing_a_pixel() -> None:
    """With mixing matrices that are identities, up undoes down."""
    down, up = Down(3, 12), Up(12, 3)
    for layer in (down.mix, up.mix):
        layer.weight.data = torch.eye(12).view(12, 12, 1, 1)
        nn.init.zeros_(layer.bias)
    x = torch.randn(2, 3, 8, 6, generator=source(0))
    assert down(x).shape == (2, 12, 4, 3)
    assert torch.equal(up(down(x)), x)


def test_coordinates_run_from_minus_one_to_one_down_and_right() -> None:
    y, x = coordinates(torch.zeros(2, 7, 5, 5))[1]
    assert y[:, 0].tolist() == x[0].tolist() == [-1, -0.5, 0, 0.5, 1]
    assert coordinates(torch.zeros(2, 7, 3, 5, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_coordinates_of_a_wide_picture_are_as_dense_down_as_across() -> None:
    """float32 at values up to 1.5: steps agree within 1e-6; a square of the area has 2 / 23."""
    y, x = coordinates(torch.zeros(1, 1, 16, 36))[0]
    down, across = y[:, 0].diff(), x[0].diff()
    assert torch.allclose(down, across[:15], atol=1e-6)
    assert float(down[0]) == pytest.approx(2 / 23, rel=0.02)
    assert float(x.max()) > 1 > float(y.max())


def test_zeroed_layers_answer_zero_with_or_without_a_bias() -> None:
    for bias in (True, False):
        assert not zeroed(nn.Linear(3, 4, bias=bias))(torch.ones(1, 3)).any()
