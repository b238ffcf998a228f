"""Attention over pixels, over text, and the pooling of text into one vector.

Shape letters: B batch, C channels, H W pixels, L tokens, D text width, h heads, d head width.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from minimagen.conditioning import TextEmbedding
from minimagen.models.convolution import Pointwise
from minimagen.models.layers import PixelNorm, zeroed


class SelfAttention(nn.Module):
    """Every pixel reads every pixel.  Vaswani et al. 2017 (arXiv:1706.03762)."""

    def __init__(self, channels: int, head_width: int) -> None:
        super().__init__()
        self.heads = channels // head_width
        self.norm = PixelNorm(channels)
        self.to_qkv = Pointwise(channels, 3 * channels, bias=False)
        self.to_out = zeroed(Pointwise(channels, channels))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        pixels = "B (three h d) H W -> three B h (H W) d"
        q, k, v = rearrange(self.to_qkv(self.norm(x_BCHW)), pixels, three=3, h=self.heads)
        read = F.scaled_dot_product_attention(q, k, v)
        read = rearrange(read, "B h (H W) d -> B (h d) H W", H=x_BCHW.shape[2])
        out: Tensor = x_BCHW + self.to_out(read)
        return out


class CrossAttention(nn.Module):
    """Every pixel reads every token."""

    def __init__(self, channels: int, text_width: int, head_width: int) -> None:
        super().__init__()
        self.heads = channels // head_width
        self.norm = PixelNorm(channels)
        self.to_q = Pointwise(channels, channels, bias=False)
        self.to_kv = nn.Linear(text_width, 2 * channels, bias=False)
        self.to_out = zeroed(Pointwise(channels, channels))

    def forward(self, x_BCHW: Tensor, text: TextEmbedding) -> Tensor:
        """(B, C, H, W), tokens (B, L, D) -> (B, C, H, W)."""
        q = rearrange(self.to_q(self.norm(x_BCHW)), "B (h d) H W -> B h (H W) d", h=self.heads)
        k, v = self._keys_values(text)
        mask = text.attention_mask(q.dtype)[:, None, None, :]
        read = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        read = rearrange(read, "B h (H W) d -> B (h d) H W", H=x_BCHW.shape[2])
        out: Tensor = x_BCHW + self.to_out(read)
        return out

    def weights(self, x_BCHW: Tensor, text: TextEmbedding) -> Tensor:
        """Return how much of what each pixel reads comes from each token; (B, h, H, W, L).

        They are what :meth:`forward` weighs tokens by, and sum to 1 over them.
        """
        q = rearrange(self.to_q(self.norm(x_BCHW)), "B (h d) H W -> B h (H W) d", h=self.heads)
        k, _ = self._keys_values(text)
        times = text.mask if text.weights is None else torch.where(text.mask, text.weights, 0.0)
        scores = q @ k.mT * q.shape[-1] ** -0.5 + times.to(q.dtype).log()[:, None, None, :]
        weights = scores.softmax(dim=-1)
        out: Tensor = rearrange(weights, "B h (H W) L -> B h H W L", H=x_BCHW.shape[2])
        return out

    def _keys_values(self, text: TextEmbedding) -> tuple[Tensor, Tensor]:
        """Return keys and values, (B, h, L, d) each, which change with the text alone."""
        kept = text.kept if isinstance(text, ReadText) else {}
        if id(self) not in kept:
            tokens = "B L (two h d) -> two B h L d"
            k, v = rearrange(self.to_kv(text.tokens), tokens, two=2, h=self.heads)
            kept[id(self)] = k, v
        return kept[id(self)]


@dataclass(frozen=True, kw_only=True)
class ReadText(TextEmbedding):
    """Text as a network reads it, kept for as long as text and weights stand still.

    Args:
        pooled: of it, (B, embedding).
        kept: what each layer made of it, filled in when it is first asked.
    """

    pooled: Tensor
    kept: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)


class TextReader(nn.Module):
    """Prepare text for a network: one learned null token in front, and a pooled vector.

    The null token is never masked, so null text is read as that token alone and no attention ever
    meets an empty row.

    Args:
        text_width: D of the encoder.
        width: D of what the network reads.
        embedding: width of the pooled vector.
    """

    def __init__(self, text_width: int, width: int, embedding: int) -> None:
        super().__init__()
        self.text_width = text_width
        self.project = nn.Sequential(nn.LayerNorm(text_width), nn.Linear(text_width, width))
        self.null_token = nn.Parameter(torch.randn(width) * 0.02)
        self.query = nn.Parameter(torch.randn(width) * width**-0.5)
        self.to_kv = nn.Linear(width, 2 * width)
        self.to_pooled = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, embedding))

    def forward(self, text: TextEmbedding) -> tuple[TextEmbedding, Tensor]:
        """Tokens (B, L, D) -> tokens (B, 1 + L, width), pooled (B, embedding)."""
        if isinstance(text, ReadText):
            return text, text.pooled
        tokens = self.project(text.tokens)
        null = self.null_token.to(tokens.dtype).expand(tokens.shape[0], 1, -1)
        weights = None if text.weights is None else F.pad(text.weights, (1, 0), value=1.0)
        mask = F.pad(text.mask, (1, 0), value=True)
        read = TextEmbedding(torch.cat([null, tokens], dim=1), mask, weights)
        return read, self._pool(read)

    def _pool(self, text: TextEmbedding) -> Tensor:
        """Attention pooling with one learned query."""
        k, v = self.to_kv(text.tokens).chunk(2, dim=-1)  # (B, 1 + L, width)
        q = self.query.to(k.dtype).expand(k.shape[0], 1, -1)
        mask = text.attention_mask(q.dtype)[:, None, :]
        read = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        pooled: Tensor = self.to_pooled(read.squeeze(1))
        return pooled
