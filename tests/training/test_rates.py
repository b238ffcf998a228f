"""Every kind of rate against its closed form; the shipped files against the first version."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimagen.cli.settings import new_run
from minimagen.cli.train import parse as parse_flags
from minimagen.config import dump, parse
from minimagen.errors import ConfigError
from minimagen.training.config import AdamWConfig, OptimizerConfig, TrainingConfig
from minimagen.training.rates import FALLS, rate_factor
from tests.conftest import ROOT

STEPS = st.integers(1, 10_000)
SHARE = st.floats(0.01, 1.0)


def factors(steps: int, **how: Any) -> list[float]:
    """Return the factor of every step, and of the end."""
    return [rate_factor(step, steps, AdamWConfig(**how)) for step in range(steps + 1)]


def test_the_rate_rises_stays_and_falls_to_nothing() -> None:
    rising = factors(100, warmup_steps=4, decay_share=0.2)
    assert rising[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert set(rising[4:81]) == {1.0}
    assert rising[90] == pytest.approx(0.5)
    assert rising[100] == 0.0


@pytest.mark.parametrize("how", [{"rate": "constant"}, {"decay_share": 0.0}])
def test_without_decay_the_rate_stays(how: dict[str, Any]) -> None:
    assert set(factors(10, warmup_steps=0, **how)) == {1.0}


@given(steps=STEPS, share=SHARE, done=st.floats(0, 1))
def test_a_fall_has_its_closed_form(steps: int, share: float, done: float) -> None:
    """The root is steep where the fall begins: rounding of 1e-12 there is 1e-6."""
    begins = (1 - share) * steps
    step = math.ceil(begins + done * (steps - begins))
    passed = min(1.0, (step - begins) / (share * steps))
    expected = {
        "linear": 1 - passed,
        "cosine": math.cos(math.pi * passed / 2) ** 2,
        "wsd": 1 - passed**0.5,
    }
    for kind, value in expected.items():
        config = AdamWConfig(rate=kind, warmup_steps=0, decay_share=share)
        assert rate_factor(step, steps, config) == pytest.approx(value, abs=1e-5)


@given(kind=st.sampled_from(sorted(FALLS)), steps=STEPS, warmup=st.integers(0, 500), share=SHARE)
def test_every_rate_is_a_share_that_never_rises_after_the_warm_up(
    kind: str, steps: int, warmup: int, share: float
) -> None:
    config = AdamWConfig(rate=kind, warmup_steps=warmup, decay_share=share)  # type: ignore[arg-type]
    marks = sorted({0, warmup, steps // 2, int(steps * (1 - share)), steps - 1, steps})
    values = [rate_factor(step, steps, config) for step in marks if warmup <= step <= steps]
    assert values == sorted(values, reverse=True)
    assert all(0 <= value <= 1 for value in values)
    assert rate_factor(steps, steps, config) == 0


def test_a_constant_rate_that_should_fall_is_refused() -> None:
    text = '{"optimizer": {"kind": "adamw", "rate": "constant", "decay_share": 0.2}}'
    with pytest.raises(ConfigError, match="'constant', which never falls; make it 0"):
        parse(TrainingConfig, text, "here")


def test_schedule_free_knows_no_other_rate_than_a_constant_one() -> None:
    text = '{"optimizer": {"kind": "schedule_free", "rate": "cosine"}}'
    with pytest.raises(ConfigError, match="rate is \"cosine\": input should be 'constant'"):
        parse(TrainingConfig, text, "here")


@pytest.mark.parametrize(
    ("name", "warmup", "share"),
    [
        ("parameters/tiny", 20, 1.0),
        ("parameters", 500, 0.5),
        ("parameters/photos", 2000, 0.2),
        ("parameters/imagen", 10000, 0.2),
    ],
)
def test_the_shipped_files_keep_the_rate_they_always_had(
    name: str, warmup: int, share: float
) -> None:
    """Bit for bit: the first version's formula, and what it wrote into every run."""
    config = TrainingConfig.read(ROOT / name).optimizer
    stored = parse(TrainingConfig, dump(TrainingConfig.read(ROOT / name)), "stored").optimizer
    for steps in (1, 50, 30_000):
        for step in range(0, steps, max(1, steps // 300)):
            expected = _first_formula(step, steps, warmup, share)
            assert rate_factor(step, steps, config) == expected
            assert rate_factor(step, steps, stored) == expected


def _first_formula(step: int, steps: int, warmup_steps: int, decay_share: float) -> float:
    warmup = min(1.0, (step + 1) / (warmup_steps + 1))
    decay_steps = decay_share * steps
    left = steps - step
    return warmup if left >= decay_steps else min(warmup, left / decay_steps)


def test_a_flag_changes_the_rate() -> None:
    flags = ["-p", str(ROOT / "parameters/tiny"), "--SET", "training.optimizer.rate=cosine"]
    optimizer: OptimizerConfig = new_run(parse_flags(flags)).training.optimizer
    assert optimizer.rate == "cosine"
