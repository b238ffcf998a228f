"""Attention against a softmax written out."""

import torch
from torch import Tensor

from minimagen.conditioning import TextEmbedding
from minimagen.models.attention import CrossAttention, SelfAttention, TextReader
from tests.models.networks import awakened, source

CLOSE = {"atol": 1e-12}  # float64


def naive(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)) v for one head: (Q, d), (K, d), (K, d) -> (Q, d)."""
    scores = q @ k.T / q.shape[1] ** 0.5
    weights = scores.exp() / scores.exp().sum(1, keepdim=True)
    return weights @ v


def pixels(x: Tensor) -> Tensor:
    """(C, H, W) -> (H W, C)."""
    return x.flatten(1).T


def test_self_attention_is_a_softmax_over_pixels_head_by_head() -> None:
    layer = awakened(SelfAttention(8, head_width=4)).double()
    x = torch.randn(2, 8, 3, 5, generator=source(0), dtype=torch.float64)
    out = layer(x)
    for i in range(2):
        q, k, v = pixels(layer.to_qkv(layer.norm(x[i : i + 1]))[0]).split(8, dim=1)
        heads = [naive(q[:, h], k[:, h], v[:, h]) for h in (slice(0, 4), slice(4, 8))]
        read = torch.cat(heads, dim=1).T.reshape(1, 8, 3, 5)
        assert torch.allclose(out[i], (x[i : i + 1] + layer.to_out(read))[0], **CLOSE)


def test_cross_attention_is_a_softmax_over_unmasked_tokens_head_by_head() -> None:
    layer = awakened(CrossAttention(8, text_width=6, head_width=4)).double()
    x = torch.randn(2, 8, 3, 5, generator=source(0), dtype=torch.float64)
    tokens = torch.randn(2, 4, 6, generator=source(1), dtype=torch.float64)
    lengths = (4, 2)
    mask = torch.arange(4) < torch.tensor(lengths)[:, None]
    out = layer(x, TextEmbedding(tokens, mask))
    for i, length in enumerate(lengths):
        q = pixels(layer.to_q(layer.norm(x[i : i + 1]))[0])
        k, v = layer.to_kv(tokens[i, :length]).split(8, dim=1)
        heads = [naive(q[:, h], k[:, h], v[:, h]) for h in (slice(0, 4), slice(4, 8))]
        read = torch.cat(heads, dim=1).T.reshape(1, 8, 3, 5)
        assert torch.allclose(out[i], (x[i : i + 1] + layer.to_out(read))[0], **CLOSE)


def test_fresh_attention_changes_nothing() -> None:
    x = torch.randn(2, 8, 4, 4, generator=source(0))
    text = TextEmbedding(torch.randn(2, 3, 6), torch.ones(2, 3, dtype=torch.bool))
    assert torch.equal(SelfAttention(8, 4)(x), x)
    assert torch.equal(CrossAttention(8, 6, 4)(x, text), x)


def test_the_reader_puts_an_unmasked_null_token_in_front() -> None:
    reader = awakened(TextReader(6, 8, 10))
    mask = torch.tensor([[True, True, False], [False, False, False]])
    text, pooled = reader(TextEmbedding(torch.randn(2, 3, 6), mask))
    assert torch.equal(text.tokens[:, 0], reader.null_token.expand(2, 8))
    assert text.mask.tolist() == [[True, True, True, False], [True, False, False, False]]
    assert text.tokens.shape == (2, 4, 8)
    assert pooled.shape == (2, 10)


def test_pooling_is_a_softmax_of_one_query_over_null_token_and_text() -> None:
    reader = awakened(TextReader(6, 8, 10)).double()
    tokens = torch.randn(1, 3, 6, generator=source(0), dtype=torch.float64)
    text, pooled = reader(TextEmbedding(tokens, torch.tensor([[True, True, False]])))
    k, v = reader.to_kv(text.tokens[0, :3]).split(8, dim=1)
    expected = reader.to_pooled(naive(reader.query[None], k, v))
    assert torch.allclose(pooled, expected, **CLOSE)


def test_null_text_pools_to_what_the_null_token_says() -> None:
    """One key: its softmax is 1, whatever the query."""
    reader = awakened(TextReader(6, 8, 10))
    _, pooled = reader(TextEmbedding(torch.randn(2, 3, 6), torch.zeros(2, 3, dtype=torch.bool)))
    _, value = reader.to_kv(reader.null_token).split(8)
    assert torch.allclose(pooled, reader.to_pooled(value).expand(2, 10), atol=1e-5)


def weighted(text: TextEmbedding, *weights: float) -> TextEmbedding:
    return TextEmbedding(text.tokens, text.mask, torch.tensor([weights]))


def test_a_token_of_weight_2_is_read_as_if_it_stood_there_twice_and_of_weight_0_not_at_all() -> (
    None
):
    """float64 but for log 2 itself, which weights give in float32: 1e-6."""
    tokens = torch.randn(1, 3, 6, generator=source(1), dtype=torch.float64)
    text = TextEmbedding(tokens, torch.ones(1, 3, dtype=torch.bool))
    twice = TextEmbedding(tokens[:, [0, 0, 1]], text.mask)
    x = torch.randn(1, 8, 3, 5, generator=source(0), dtype=torch.float64)
    layer, reader = awakened(CrossAttention(8, 6, 4)).double(), awakened(TextReader(6, 8, 10))
    reader = reader.double()
    for read in (lambda t: layer(x, t), lambda t: reader(t)[1]):
        out = read(weighted(text, 2, 1, 0))
        assert torch.allclose(out, read(twice), atol=1e-6)
        assert not torch.allclose(out, read(text), atol=1e-3)
        assert torch.allclose(read(weighted(text, 1, 1, 1)), read(text), atol=1e-6)
