"""What chance decides about a sample follows from its number alone."""

from collections.abc import Callable

import pytest
import torch

from minimagen.stage import Stage
from minimagen.training.draws import Draws, draw, shown_log_snr

CHANCES = ("keep", "keep_lowres", "show_estimate")
SHARES = {"text_dropout": 0.2, "lowres_dropout": 0.3, "self_conditioning": 0.6}
Make = Callable[..., Stage]


@pytest.fixture
def stage(make_second_stage: Make) -> Stage:
    """Return a stage that leaves everything to chance."""
    return make_second_stage(crop=16, **SHARES)


def chances(draws: Draws) -> torch.Tensor:
    """Stack what is dropped and shown; (3, B)."""
    return torch.stack([getattr(draws, name) for name in CHANCES])


def test_draws_do_not_depend_on_the_batch(stage: Stage) -> None:
    """Of what is dropped and shown, the noise and the crop."""
    whole = draw(stage, range(24), 24, seed=0)
    parts = [draw(stage, range(i, i + 4), 24, seed=0) for i in range(0, 24, 4)]
    assert torch.equal(chances(whole), torch.cat([chances(part) for part in parts], dim=1))
    for name in ("t", "eps", "corners", "lowres_t", "lowres_eps"):
        joined = torch.cat([getattr(part, name) for part in parts])
        assert torch.equal(getattr(whole, name), joined)


def test_chances_meet_their_shares_and_each_other_at_random(stage: Stage) -> None:
    """Of 2,000 draws; four standard deviations, sqrt(p (1 - p) / 2000), are less than 0.045."""
    batches = [draw(stage, range(i, i + 100), 100, seed=0) for i in range(0, 2000, 100)]
    drawn = torch.cat([chances(draws) for draws in batches], dim=1)
    shares = torch.tensor([0.8, 0.7, 0.6])
    assert ((drawn.float().mean(1) - shares).abs() < 0.045).all()
    together = drawn.float() @ drawn.float().T / 2000
    expected = torch.outer(shares, shares)
    off_diagonal = ~torch.eye(3, dtype=torch.bool)
    assert ((together - expected).abs() < 0.045)[off_diagonal].all()


def test_share_zero_drops_and_shows_nothing(make_second_stage: Make) -> None:
    stage = make_second_stage(text_dropout=0.0)
    drawn = draw(stage, range(50), 50, seed=0)
    assert drawn.keep.all()
    assert drawn.keep_lowres.all()
    assert not drawn.show_estimate.any()


def test_undropped_draws_keep_everything_else(stage: Stage) -> None:
    drawn = draw(stage, range(20), 20, seed=0)
    kept = drawn.undropped()
    assert kept.keep.all()
    assert kept.keep_lowres.all()
    assert not (drawn.keep & drawn.keep_lowres).all()
    assert torch.equal(kept.show_estimate, drawn.show_estimate)
    assert torch.equal(kept.eps, drawn.eps)


def test_the_log_snr_that_is_told_afterwards_is_the_one_that_was_shown(stage: Stage) -> None:
    """1e-4: of a time that was rounded to float32 in between."""
    drawn = draw(stage, range(24, 48), 24, seed=0)
    shown = stage.config.schedule.log_snr(drawn.t.double())
    torch.testing.assert_close(
        shown_log_snr(stage, 24, 0, range(24, 48)), shown, atol=1e-4, rtol=1e-4
    )
