import pytest
import torch

from minimagen.conditioning import Conditioning
from minimagen.config import parse
from minimagen.diffusion import Denoiser
from minimagen.diffusion.thresholding import (
    DynamicThresholding,
    NoThresholding,
    StaticThresholding,
    Thresholding,
    clamped,
    thresholded,
)
from minimagen.errors import ConfigError
from tests.diffusion.kinds import every, name

T = torch.zeros(4)


def saying(x_0: torch.Tensor) -> Denoiser:
    """Return a denoiser that always estimates this."""
    return lambda x_t, t, cond: x_0


def estimates(scale: float) -> torch.Tensor:
    """Return four pictures of normal numbers of this scale."""
    return scale * torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def after(wrapped: Denoiser) -> torch.Tensor:
    """Ask a denoiser that ignores its input."""
    return wrapped(torch.zeros(4, 3, 16, 16), T, Conditioning())


@pytest.mark.parametrize("percentile", [0.5, 0.9, 0.995, 1.0])
def test_dynamic_is_the_papers_formula(percentile: float) -> None:
    """kthvalue takes the next larger of the values that `quantile` interpolates between.

    Of 768 normal magnitudes these neighbours differ by less than a tenth of the standard deviation
    up to the 99.5th percentile; at 1 both are the maximum.
    """
    x_0 = estimates(3.0)
    limit = x_0.flatten(1).abs().quantile(percentile, dim=1).clamp(min=1).view(-1, 1, 1, 1)
    expected = x_0.clamp(-limit, limit) / limit
    assert torch.allclose(after(thresholded(saying(x_0), percentile)), expected, atol=0.1)


@pytest.mark.parametrize("cap", [1.0, 2.0, 1000.0])
def test_a_cap_limits_how_far_an_image_is_dimmed(cap: float) -> None:
    """Beyond it pixels are clamped; 1 is static, and a cap out of reach is none."""
    x_0 = estimates(3.0)
    free = after(thresholded(saying(x_0), 0.9))
    capped = after(thresholded(saying(x_0), 0.9, cap))
    limits = (x_0 / free).flatten(1).amin(1)  # of the pixels that are not clamped: s itself
    expected = x_0.clamp(-cap, cap) / cap if cap < limits.min() else free
    assert torch.allclose(capped, expected, atol=1e-6)
    assert (limits < 1000).all()
    assert (limits > 2).all()


def test_a_cap_leaves_images_below_it_alone() -> None:
    x_0 = estimates(1.0)
    free = after(thresholded(saying(x_0), 0.9))
    assert torch.equal(after(thresholded(saying(x_0), 0.9, cap=2.0)), free)


def test_dynamic_reaches_one_and_never_passes_it() -> None:
    x_0 = after(thresholded(saying(estimates(3.0)), 0.995))
    assert x_0.abs().flatten(1).amax(1).tolist() == [1.0] * 4


@pytest.mark.parametrize("how", every(Thresholding), ids=name)
def test_estimates_in_range_are_left_alone(how: StaticThresholding) -> None:
    x_0 = estimates(1.0).clamp(-1, 1)
    assert torch.equal(after(how.wrap(saying(x_0))), x_0)


def test_a_few_saturated_pixels_are_clamped_without_dimming_the_rest() -> None:
    """Three of 768 pixels lie above the 99.5th percentile: the limit stays 1."""
    x_0 = estimates(1.0).clamp(-1, 1)
    x_0[0, 0, 0, :3] = 7.0
    assert torch.equal(after(thresholded(saying(x_0), 0.995)), x_0.clamp(-1, 1))


def test_one_images_saturation_does_not_change_another() -> None:
    x_0 = estimates(1.0).clamp(-1, 1)
    x_0[2] *= 5
    thresholded_0 = after(thresholded(saying(x_0)))
    assert torch.equal(thresholded_0[[0, 1, 3]], x_0[[0, 1, 3]])
    assert thresholded_0[2].abs().max() == 1


def test_static_is_a_clamp() -> None:
    x_0 = estimates(3.0)
    assert torch.equal(after(clamped(saying(x_0))), x_0.clamp(-1, 1))


def test_each_kind_wraps_its_own_way() -> None:
    x_0 = estimates(3.0)
    assert torch.equal(after(NoThresholding().wrap(saying(x_0))), x_0)
    assert torch.equal(after(StaticThresholding().wrap(saying(x_0))), x_0.clamp(-1, 1))
    dynamic = DynamicThresholding(percentile=0.9).wrap(saying(x_0))
    assert torch.equal(after(dynamic), after(thresholded(saying(x_0), 0.9)))
    capped = DynamicThresholding(cap=1.0).wrap(saying(x_0))
    assert torch.equal(after(capped), x_0.clamp(-1, 1))


def test_a_cap_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"cap is 0.5: .* greater than or equal to 1"):
        parse(DynamicThresholding, '{"cap": 0.5}', "imagen_params.json")
