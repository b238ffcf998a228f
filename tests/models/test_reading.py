"""A text that is read once is read as it would be at every step: bit for bit."""

from dataclasses import replace

import pytest
import torch

from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.diffusion import guided, make_denoiser
from minimagen.diffusion.objectives import X0Prediction
from minimagen.diffusion.schedules import CosineSchedule
from minimagen.models.attention import CrossAttention
from minimagen.models.reading import ReadOnce
from tests.models.networks import KINDS, awakened, base, inputs_for, source


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
@torch.no_grad()
def test_reading_once_changes_no_answer(make: type) -> None:
    network = awakened(make())
    once = ReadOnce(network)
    x_t, log_snr, cond = inputs_for(network)
    for t in (0.0, 1.0):
        assert torch.equal(once(x_t + t, log_snr - t, cond), network(x_t + t, log_snr - t, cond))


@torch.no_grad()
def test_another_text_is_read_anew_and_null_text_is_another() -> None:
    network = awakened(base())
    once = ReadOnce(network)
    x_t, log_snr, cond = inputs_for(network)
    assert cond.text is not None
    other = TextEmbedding(cond.text.tokens.flip(0), cond.text.mask, torch.ones(3, 4))
    for told in (cond, replace(cond, text=other), cond.null(), cond):
        assert torch.equal(once(x_t, log_snr, told), network(x_t, log_snr, told))


@torch.no_grad()
def test_guided_steps_read_the_text_of_both_sides_once() -> None:
    """The reader and every layer that asks the text for keys and values."""
    network = awakened(base())
    readers = [network.reader, *(m for m in network.modules() if isinstance(m, CrossAttention))]
    calls: list[object] = []
    for module in readers:
        inner = module.project if module is network.reader else module.to_kv
        inner.register_forward_pre_hook(lambda *call: calls.append(call))
    denoise = make_denoiser(ReadOnce(network), CosineSchedule(), X0Prediction())
    x_t, _, cond = inputs_for(network)
    guide = guided(denoise, 3.0)
    for t in (0.9, 0.5, 0.1):
        guide(x_t, torch.full((3,), t), Conditioning(cond.text, cond.lowres))
    assert len(calls) == len(readers)


def test_a_batch_of_other_noise_is_still_one_text() -> None:
    """What is kept follows from the text alone: x_t and its level may change with every call."""
    network = awakened(base())
    once, draws = ReadOnce(network), source(9)
    x_t, log_snr, cond = inputs_for(network)
    with torch.no_grad():
        once(x_t, log_snr, cond)
        fresh = torch.randn(x_t.shape, generator=draws)
        assert torch.equal(once(fresh, -log_snr, cond), network(fresh, -log_snr, cond))


@pytest.mark.slow
@torch.no_grad()
def test_compiled_blocks_find_what_was_kept_of_a_text() -> None:
    """Traced, but run as it is: no compiler of C++ is waited for. 1e-6 is rounding."""
    network = awakened(base())
    x_t, log_snr, cond = inputs_for(network)
    levels = (log_snr, log_snr + 1, log_snr - 1)
    expected = [network(x_t, level, cond) for level in levels]
    for block in network.blocks():
        block.compile(backend="eager")
    once = ReadOnce(network)
    for level, answer in zip(levels, expected, strict=True):
        assert torch.allclose(once(x_t, level, cond), answer, atol=1e-6)
