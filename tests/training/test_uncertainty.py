"""A learned variance of the loss finds the loss's own size at each noise level."""

import torch

from minimagen.training.uncertainty import LogVariance


def test_it_starts_at_nothing() -> None:
    assert torch.equal(LogVariance()(torch.linspace(-20, 20, 9)), torch.zeros(9))


def test_it_learns_the_logarithm_of_the_mean_error() -> None:
    """Errors are exponential around a mean that falls by 10^4 from noise to data.

    A fifth: batches of 512 and a falling rate leave some hundredths of noise, and so many sines and
    cosines bend a little at the ends.
    """
    torch.manual_seed(0)
    log_variance = LogVariance()
    optimizer = torch.optim.AdamW(log_variance.parameters(), lr=0.05, weight_decay=0.0)
    steps = 500
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / steps)
        log_snr = torch.rand(512) * 30 - 15
        error = log_mean(log_snr).exp() * torch.empty(512).exponential_()
        u = log_variance(log_snr)
        optimizer.zero_grad()
        (error / u.exp() + u).mean().backward()
        optimizer.step()
    levels = torch.linspace(-14, 14, 29)
    with torch.no_grad():
        assert (log_variance(levels) - log_mean(levels)).abs().max() < 0.2


def log_mean(log_snr: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of the mean error: an S that falls by 9."""
    return -9 * (log_snr / 4).sigmoid()


def test_it_computes_in_float32_under_autocast() -> None:
    """bf16 would round a logarithm of -6 by a hundredth."""
    log_variance = LogVariance()
    torch.nn.init.normal_(log_variance.linear.weight)
    log_snr = torch.linspace(-15, 15, 31)
    with torch.autocast("cpu", torch.bfloat16):
        cast = log_variance(log_snr)
    assert torch.equal(cast, log_variance(log_snr))


def test_its_frequencies_are_no_weights() -> None:
    assert set(LogVariance().state_dict()) == {"linear.weight", "linear.bias"}
