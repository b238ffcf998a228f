"""A residual block steered by an embedding, and a step of a U-Net's ladder made of such blocks."""

import torch.nn.functional as F
from torch import Tensor, nn

from minimagen.conditioning import TextEmbedding
from minimagen.models.attention import CrossAttention, SelfAttention
from minimagen.models.convolution import Conv3x3, Pointwise
from minimagen.models.layers import PixelNorm, zeroed


class ResidualBlock(nn.Module):
    """Two convolutions; the embedding scales and shifts between them.

    Args:
        channels: that come in.
        out_channels: that go out.
        embedding: width of the vector that steers.
        hidden: channels between the convolutions; None is as many as go out.

    Source: Nichol & Dhariwal 2021 (arXiv:2102.09672), "scale-shift norm".
    """

    def __init__(
        self, channels: int, out_channels: int, embedding: int, hidden: int | None = None
    ) -> None:
        super().__init__()
        hidden = out_channels if hidden is None else hidden
        self.norm_in = PixelNorm(channels)
        self.conv_in = Conv3x3(channels, hidden)
        self.steer = zeroed(nn.Linear(embedding, 2 * hidden))
        self.norm_out = PixelNorm(hidden)
        self.conv_out = zeroed(Conv3x3(hidden, out_channels))
        same = channels == out_channels
        self.shortcut = nn.Identity() if same else Pointwise(channels, out_channels)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(B, C, H, W), (B, E) -> (B, C', H, W)."""
        h = self.conv_out(self.inside(x, embedding))
        out: Tensor = self.shortcut(x) + h
        return out

    def inside(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return what its second convolution reads; (B, hidden, H, W)."""
        scale, shift = self.steer(embedding)[:, :, None, None].chunk(2, dim=1)
        h = self.conv_in(F.silu(self.norm_in(x)))
        return F.silu(self.norm_out(h) * (1 + scale) + shift)


class Block(nn.Module):
    """A residual block, then self-attention and text cross-attention where the level has them."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        *,
        embedding: int,
        self_attention: bool,
        text_width: int | None,
        head_width: int,
        hidden: int | None = None,
    ) -> None:
        super().__init__()
        self.residual = ResidualBlock(channels, out_channels, embedding, hidden)
        self.look = SelfAttention(out_channels, head_width) if self_attention else None
        self.read = (
            None if text_width is None else CrossAttention(out_channels, text_width, head_width)
        )

    def forward(self, x: Tensor, embedding: Tensor, text: TextEmbedding | None) -> Tensor:
        """(B, C, H, W) -> (B, C', H, W)."""
        x = self.residual(x, embedding)
        if self.look is not None:
            x = self.look(x)
        if self.read is not None and text is not None:
            x = self.read(x, text)
        return x
