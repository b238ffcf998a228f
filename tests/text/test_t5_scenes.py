"""The second bundled encoder: whether its tokens say plainly what stands where."""

import json
from itertools import islice
from pathlib import Path

import pytest
import torch

from minimagen.data.grammar import caption_stream
from minimagen.data.phrases import phrases
from minimagen.text.build_t5_scenes import build
from minimagen.text.encoders import T5Config, TextEncoder, load_encoder
from minimagen.text.everyday import everyday_captions
from minimagen.text.locate import bundled_directory

SCENES = [caption for caption in islice(caption_stream(5), 400) if phrases(caption)]


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return load_encoder(T5Config(name="t5-scenes"))


def directions(encoder: TextEncoder) -> dict[str, torch.Tensor]:
    """Solve for what a fact adds to a token, by least squares over phrases' last tokens."""
    rows = [(token, facts) for caption in SCENES for token, facts in told(encoder, caption)]
    facts = sorted({fact for _, said in rows for fact in said})
    holds = torch.tensor([[fact in said for fact in facts] for _, said in rows]).float()
    holds /= holds.norm(dim=1, keepdim=True)
    solved = torch.linalg.lstsq(holds, torch.stack([token for token, _ in rows])).solution
    return dict(zip(facts, solved, strict=True))


def told(encoder: TextEncoder, caption: str) -> list[tuple[torch.Tensor, tuple[str, ...]]]:
    """Return a phrase's last token, and its facts."""
    tokens = encoder.encode([caption]).tokens[0]
    starts = [start for start, _ in encoder.spans(caption)]
    last = [max(i for i, at in enumerate(starts) if at < stop) for _, stop, _ in phrases(caption)]
    return [(tokens[i], each.facts) for i, each in zip(last, phrases(caption), strict=True)]


def test_a_token_is_the_sum_of_its_facts(encoder: TextEncoder) -> None:
    """0.97 of the variance, on other captions than those the directions were solved from."""
    known = directions(encoder)
    pairs = [
        (token, sum(known[fact] for fact in facts) / len(facts) ** 0.5)
        for caption in islice(caption_stream(6), 200)
        if phrases(caption)
        for token, facts in told(encoder, caption)
    ]
    tokens, sums = (torch.stack(list(column)) for column in zip(*pairs, strict=True))
    left_over = (tokens - sums).square().sum()
    assert 1 - left_over / (tokens - tokens.mean(dim=0)).square().sum() > 0.97


def test_facts_are_at_right_angles(encoder: TextEncoder) -> None:
    """0.2: cosines of directions that were solved from 400 captions."""
    solved = torch.nn.functional.normalize(torch.stack(list(directions(encoder).values())), dim=1)
    assert (solved @ solved.T - torch.eye(len(solved))).abs().max() < 0.2


def test_ordinary_captions_keep_the_tokens_of_t5_tiny(encoder: TextEncoder) -> None:
    """0.9 of the variance; two unlike encoders would share none."""
    captions = list(islice(everyday_captions(9), 200))
    now, before = encoder.encode(captions), load_encoder(T5Config()).encode(captions)
    left_over = (now.tokens - before.tokens)[now.mask].square().mean()
    assert 1 - left_over / before.tokens[before.mask].var(dim=0).mean() > 0.9


def test_equal_seeds_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        build(caption_stream(0), phrases, tmp_path / name, steps=2, seed=0, pool=300)
    for path in (tmp_path / "one").iterdir():
        if path.name != "provenance.json":
            assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    made = json.loads((tmp_path / "one" / "provenance.json").read_text())
    assert made["command"] == "python -m minimagen build-t5-scenes --steps 2 --seed 0"


def test_it_is_one_to_two_megabytes() -> None:
    files = bundled_directory("t5-scenes").iterdir()
    assert 1e6 < sum(path.stat().st_size for path in files) < 2e6
