import torch
import torch.nn.functional as F

from minimagen.conditioning import TextEmbedding
from minimagen.models.blocks import Block, ResidualBlock
from tests.models.networks import awakened, source

X = torch.randn(2, 8, 4, 4, generator=source(0))
EMBEDDING = torch.randn(2, 6, generator=source(1))
TEXT = TextEmbedding(torch.randn(2, 3, 5, generator=source(2)), torch.ones(2, 3, dtype=torch.bool))


def test_a_fresh_block_changes_nothing() -> None:
    block = Block(8, 8, embedding=6, self_attention=True, text_width=5, head_width=4)
    assert torch.equal(block(X, EMBEDDING, TEXT), X)


def test_a_fresh_block_of_another_width_is_its_shortcut() -> None:
    block = ResidualBlock(8, 12, 6)
    assert torch.equal(block(X, EMBEDDING), block.shortcut(X))


def test_the_embedding_scales_and_shifts_between_the_convolutions() -> None:
    block = awakened(ResidualBlock(8, 12, 6))
    scale, shift = block.steer(EMBEDDING).split(12, dim=1)
    h = block.norm_out(block.conv_in(F.silu(block.norm_in(X))))
    h = torch.stack(
        [h[i] * (1 + scale[i])[:, None, None] + shift[i][:, None, None] for i in (0, 1)]
    )
    expected = block.shortcut(X) + block.conv_out(F.silu(h))
    assert torch.allclose(block(X, EMBEDDING), expected, atol=1e-5)


def test_a_block_has_the_attention_it_was_asked_for() -> None:
    plain = Block(8, 8, embedding=6, self_attention=False, text_width=None, head_width=4)
    assert (plain.look, plain.read) == (None, None)
    assert torch.equal(plain(X, EMBEDDING, TEXT), plain.residual(X, EMBEDDING))


def test_a_block_attends_pixels_then_text() -> None:
    block = awakened(Block(8, 8, embedding=6, self_attention=True, text_width=5, head_width=4))
    assert block.look is not None
    assert block.read is not None
    expected = block.read(block.look(block.residual(X, EMBEDDING)), TEXT)
    assert torch.equal(block(X, EMBEDDING, TEXT), expected)
