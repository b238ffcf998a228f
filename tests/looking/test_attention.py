"""Attention maps are the weights that the network itself reads with."""

import torch
from einops import einsum, rearrange

from minimagen import Imagen
from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.looking.attention import attention_maps, reading, readings_at
from minimagen.looking.moments import noised
from minimagen.models.attention import CrossAttention
from tests.models.networks import awakened, base, inputs_for, source

CAPTIONS = ["a red circle", "a large blue square on the left"]


def test_weights_times_values_is_what_is_read() -> None:
    """float64, so 1e-6: a weight's logarithm is float32."""
    layer = awakened(CrossAttention(8, text_width=6, head_width=4)).double()
    x = torch.randn(2, 8, 3, 5, generator=source(0), dtype=torch.float64)
    tokens = torch.randn(2, 4, 6, generator=source(1), dtype=torch.float64)
    mask = torch.arange(4) < torch.tensor([4, 2])[:, None]
    for weights in (None, torch.tensor([[1.0, 2.0, 0.5, 0.0], [1.0, 3.0, 1.0, 1.0]])):
        text = TextEmbedding(tokens, mask, weights)
        values = rearrange(layer.to_kv(tokens).chunk(2, -1)[1], "B L (h d) -> B h L d", h=2)
        read = einsum(layer.weights(x, text), values, "B h H W L, B h L d -> B h d H W")
        expected = x + layer.to_out(rearrange(read, "B h d H W -> B (h d) H W"))
        assert torch.allclose(layer(x, text), expected, atol=1e-6)


def test_reading_leaves_answer_and_network_as_they_were() -> None:
    network = awakened(base())
    before = network(*inputs_for(network))
    with reading(network) as readings:
        assert torch.equal(network(*inputs_for(network)), before)
    noted = len(readings)
    network(*inputs_for(network))
    assert len(readings) == noted == sum(isinstance(m, CrossAttention) for m in network.modules())
    assert [one.layer for one in readings][-1] == "up_blocks.1.0.read"


def test_maps_sum_to_one_over_tokens_and_leave_padding_out(imagen: Imagen) -> None:
    stage, text = imagen.stages[0], imagen.encode(CAPTIONS)
    assert text is not None
    moments = noised(stage, torch.zeros(2, 3, 16, 16), Conditioning(text), [0.3, 0.7])
    maps = attention_maps(stage, moments)
    assert {side: m.shape for side, m in maps.items()} == {4: (2, 1 + text.mask.shape[1], 4, 4)}
    assert torch.allclose(maps[4].sum(dim=1), torch.ones(2, 4, 4), atol=1e-5)
    padding = ~torch.cat([torch.ones(2, 1, dtype=torch.bool), text.mask], dim=1)
    assert padding.any()
    assert maps[4][padding].abs().max() == 0


def test_a_token_that_counts_for_nothing_is_not_read(imagen: Imagen) -> None:
    stage, text = imagen.stages[0], imagen.encode(CAPTIONS[:1])
    assert text is not None
    null = Conditioning(text).null()
    [moment] = noised(stage, torch.zeros(1, 3, 16, 16), null, [0.5])
    for one in readings_at(stage, moment):
        assert torch.equal(one.weights[..., 0], torch.ones_like(one.weights[..., 0]))
