"""A draw depends on its key and on nothing else."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minimagen.seeds import generator, generators, hash_key, normal, permutation, unit, units

keys = st.lists(st.one_of(st.integers(), st.text(alphabet="abc_", min_size=1)), min_size=1)


@given(key=keys)
def test_a_key_is_a_number_and_a_unit(key: list[str | int]) -> None:
    assert 0 <= hash_key(*key) < 2**63
    assert 0 <= unit(*key) < 1
    assert (hash_key(*key), unit(*key)) == (hash_key(*key), unit(*key))


def test_keys_are_the_same_in_every_release() -> None:
    """Written down: a run continued with a later version draws what it would have drawn."""
    assert hash_key(0, "stage_0", "training", "t", 7) == 7799694689377685919


@given(one=keys, other=keys)
def test_different_keys_draw_differently(one: list[str | int], other: list[str | int]) -> None:
    """The hash has 63 bits; two keys meet once in 10^18."""
    if [str(part) for part in one] != [str(part) for part in other]:
        assert hash_key(*one) != hash_key(*other)


def test_units_are_uniform() -> None:
    """Chi-square over 100 cells of 100,000 draws, at a significance of 0.001.

    With 99 degrees of freedom it exceeds 149 once in 1,000 honest samples; these never change.
    """
    counts = torch.histc(units(range(100_000), 0, "u").float(), bins=100, min=0, max=1)
    assert ((counts - 1000) ** 2 / 1000).sum() < 149


def test_neighbouring_numbers_are_uncorrelated() -> None:
    """Correlation of 100,000 pairs has a standard error of 0.0032; three of those."""
    draws = units(range(100_001), 0, "u")
    assert torch.corrcoef(torch.stack([draws[:-1], draws[1:]]))[0, 1].abs() < 3 * 0.0032


def test_units_are_one_draw_a_number() -> None:
    assert units([3, 9], 0, "u").tolist() == [unit(0, "u", 3), unit(0, "u", 9)]
    assert units([3], 0, "u").dtype == torch.float64


def test_a_generator_follows_its_key_and_leaves_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    draws = [torch.rand(4, generator=generator(0, "a")) for _ in range(2)]
    assert torch.equal(*draws)
    assert not torch.equal(draws[0], torch.rand(4, generator=generator(0, "b")))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 5, 5), (1,)])
def test_noise_of_an_image_does_not_depend_on_its_batch(shape: tuple[int, ...]) -> None:
    whole = normal(generators(range(5), 0, "eps"), shape)
    assert whole.shape == (5, *shape)
    assert whole.dtype == torch.float32
    for i in range(5):
        assert torch.equal(normal(generators([i], 0, "eps"), shape)[0], whole[i])


def test_noise_is_standard_normal() -> None:
    """65,536 draws: the mean's standard error is 1/256, that of the variance sqrt(2)/256; four."""
    noise = normal(generators(range(16), 0, "eps"), (4096,))
    assert noise.mean().abs() < 4 / 256
    assert (noise.var() - 1).abs() < 4 * 2**0.5 / 256


@given(length=st.integers(0, 200), seed=st.integers(0, 10))
def test_a_permutation_holds_every_number_once(length: int, seed: int) -> None:
    order = permutation(length, seed, "order")
    assert order.sort().values.tolist() == list(range(length))
    assert torch.equal(order, permutation(length, seed, "order"))
