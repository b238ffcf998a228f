"""The U-Net of every stage: what differs between a base and a super-resolution network is its file.

    x_t (+ low-res image) -> fold patches into channels -> encode -> middle -> decode -> unfold

``encode``, ``middle`` and ``decode`` are separate, so that a network around this one can add to
the skips.
"""

from collections.abc import Iterator
from functools import partial
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.config import config
from minimagen.errors import ConfigError
from minimagen.models.attention import TextReader
from minimagen.models.blocks import Block
from minimagen.models.convolution import Conv3x3, Pointwise
from minimagen.models.layers import Down, LogSNREmbedding, PixelNorm, Up, coordinates, zeroed

Count = Annotated[int, Field(ge=1, le=65_536)]


@config
class Level:
    """One resolution of the ladder.

    Args:
        width: channels.
        blocks: residual blocks on the way down, and again on the way up; none makes the level a
            stem, which sees pixels across the borders of patches at hardly any cost.
        self_attention: every pixel reads every pixel; for a base, at few pixels.
        cross_attention: every pixel reads the text.
        hidden: channels inside of a block, between its two convolutions; None is the width.
    """

    width: Count
    blocks: Annotated[int, Field(ge=0, le=64)] = 1
    self_attention: bool = False
    cross_attention: bool = False
    hidden: Count | None = None

    @property
    def inside(self) -> int:
        """Channels between the two convolutions of a block."""
        return self.width if self.hidden is None else self.hidden


@config
class UNetConfig:
    """One network.

    Args:
        about: for people.
        levels: from the finest resolution to the coarsest; each is half the one before.
        patch: side of the square of pixels that one position of the finest level holds.
        channels: channels of an image.
        embedding: width of the vector that steers the residual blocks.
        text: width of the tokens as the network reads them.
        head_width: width of one attention head; divides the width of every level with attention.
        coordinates: tell each position where it lies; for a base, whose captions name places.
        gradient_checkpointing: compute blocks again in the backward pass: less memory, a third
            slower. One value, or one for each level; the middle block goes with the last.
    """

    about: str = ""
    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=8)]
    patch: Annotated[int, Field(ge=1, le=64)] = 1
    channels: Annotated[int, Field(ge=1, le=64)] = 3
    embedding: Count = 128
    text: Count = 128
    head_width: Count = 32
    coordinates: bool = False
    gradient_checkpointing: bool | tuple[bool, ...] = False

    @model_validator(mode="after")
    def _heads_divide_widths(self) -> "UNetConfig":
        for level in self.levels:
            attends = level.self_attention or level.cross_attention
            if attends and level.width % self.head_width:
                raise ValueError(
                    f"head_width {self.head_width} does not divide the level width {level.width}"
                )
        return self

    @model_validator(mode="after")
    def _one_value_for_each_level(self) -> "UNetConfig":
        again = self.gradient_checkpointing
        if isinstance(again, tuple) and len(again) != len(self.levels):
            raise ValueError(
                f"gradient_checkpointing {list(again)} has not one value for each of the "
                f"{len(self.levels)} levels; give as many, or one for all"
            )
        return self

    def recomputes(self, level: int) -> bool:
        """Whether the blocks of a level are computed again in the backward pass."""
        again = self.gradient_checkpointing
        return again[level] if isinstance(again, tuple) else again

    @property
    def size_multiple(self) -> int:
        """What the side of an image must be a multiple of."""
        return int(self.patch * 2 ** (len(self.levels) - 1))

    @property
    def is_convolutional(self) -> bool:
        """Whether crops and whole pictures behave alike."""
        return not self.coordinates and not any(level.self_attention for level in self.levels)


class UNet(nn.Module):
    """A patched U-Net told log-SNR, text and a low-resolution image.

    Args:
        config: its shape.
        text_width: D of the text encoder; None for a network without text.
        lowres: whether a low-resolution image comes with x_t.
        self_conditioned: whether it reads its own earlier estimate; zeros where there is none.

    Source: Saharia et al. 2022, Imagen (arXiv:2205.11487), app. B, with patches as in Hoogeboom et
    al. 2023 (arXiv:2301.11093), sec. 3.3.
    """

    def __init__(
        self,
        config: UNetConfig,
        text_width: int | None,
        lowres: bool,
        self_conditioned: bool = False,
    ) -> None:
        super().__init__()
        self.config = config
        self.self_conditioned = self_conditioned
        widths = [level.width for level in config.levels]
        folded = config.channels * config.patch**2
        images = 1 + int(lowres) + int(self_conditioned)
        inputs = folded * images + (2 if config.coordinates else 0)

        self.embed_log_snr = LogSNREmbedding(config.embedding)
        self.embed_lowres_log_snr = LogSNREmbedding(config.embedding) if lowres else None
        self.reader = TextReader(text_width, config.text, config.embedding) if text_width else None
        self.conv_in = Conv3x3(inputs, widths[0])

        self.down = nn.ModuleList()
        self.down_blocks = nn.ModuleList()
        for i, level in enumerate(config.levels):
            before = widths[max(i - 1, 0)]
            self.down.append(Down(before, level.width) if i else nn.Identity())
            blocks = [self._block(level, level.width) for _ in range(level.blocks)]
            self.down_blocks.append(nn.ModuleList(blocks))

        self.middle_block = self._block(config.levels[-1], widths[-1])

        self.up = nn.ModuleList()
        self.up_blocks = nn.ModuleList()
        for i, level in reversed(list(enumerate(config.levels))):
            blocks = [self._block(level, 2 * level.width) for _ in range(level.blocks)]
            self.up_blocks.append(nn.ModuleList(blocks))
            self.up.append(Up(level.width, widths[i - 1]) if i else nn.Identity())

        self.norm_out = PixelNorm(widths[0])
        self.conv_out = zeroed(Conv3x3(widths[0], folded))
        self.gate = zeroed(nn.Linear(config.embedding, inputs))
        self.pass_by = Pointwise(inputs, folded, bias=False)
        if lowres:
            self._start_with_lowres(folded)

    @torch.no_grad()
    def _start_with_lowres(self, folded: int) -> None:
        """Let a fresh network answer with its low-resolution image, instead of nothing."""
        lowres = slice(folded, 2 * folded)
        self.gate.bias[lowres] = 1
        self.pass_by.weight[:, lowres] = torch.eye(folded)[:, :, None, None]

    def _block(self, level: Level, channels: int) -> Block:
        reads = level.cross_attention and self.reader is not None
        return Block(
            channels,
            level.width,
            embedding=self.config.embedding,
            self_attention=level.self_attention,
            text_width=self.config.text if reads else None,
            head_width=self.config.head_width,
            hidden=level.hidden,
        )

    def blocks(self) -> list[nn.Module]:
        """Return the blocks: nearly all weights, each a part that can be handled by itself."""
        return [module for module in self.modules() if isinstance(module, Block)]

    def hidden_matrices(self) -> Iterator[nn.Parameter]:
        """Return the matrices and convolutions of the ladder: all but first and last layers."""
        ladder = (self.down, self.down_blocks, self.middle_block, self.up_blocks, self.up)
        for part in ladder:
            yield from (p for p in part.parameters() if p.ndim > 1)

    def undecayed(self) -> Iterator[nn.Parameter]:
        """Return what no weight decay should pull at: whose size is no sign of overfitting.

        Norms, biases and learned tokens; the embeddings of noise levels; the gate of the pixels
        that pass by.
        """
        yield from (p for p in self.parameters() if p.ndim <= 1)
        for part in (self.embed_log_snr, self.embed_lowres_log_snr, self.gate):
            if part is not None:
                yield from (p for p in part.parameters() if p.ndim > 1)

    def forward(self, x_t: Tensor, log_snr: Tensor, cond: Conditioning) -> Tensor:
        """Answer a noisy image.

        Args:
            x_t: (B, C, H, W), H and W multiples of ``config.size_multiple``.
            log_snr: (B,).
            cond: text if the network has it, a low-res image (B, C, H, W) if it has that; its own
                earlier estimate (B, C, H, W) where there is one.

        Returns:
            What the objective asks for, (B, C, H, W).
        """
        embedding, text = self.embed(log_snr, cond)
        inputs = self.fold(x_t, cond)
        h, skips = self.encode(inputs, embedding, text)
        h = self.middle(h, embedding, text)
        h = self.decode(h, skips, embedding, text)
        return self.unfold(h, inputs, embedding)

    def embed(self, log_snr: Tensor, cond: Conditioning) -> tuple[Tensor, TextEmbedding | None]:
        """Return the vector that steers the blocks, (B, E), and the tokens to read."""
        embedding = self.embed_log_snr(log_snr)
        if self.embed_lowres_log_snr is not None:
            assert cond.lowres is not None, "this network needs a low-resolution image"
            embedding = embedding + self.embed_lowres_log_snr(cond.lowres.log_snr)
        if self.reader is None:
            return F.silu(embedding), None
        assert cond.text is not None, "this network needs text"
        text, pooled = self.reader(cond.text)
        return F.silu(embedding + pooled), text

    def fold(self, x_t: Tensor, cond: Conditioning) -> Tensor:
        """Put everything that has pixels into the channels of the finest level."""
        self._check_sides(x_t)
        pixels = [x_t] if cond.lowres is None else [x_t, cond.lowres.image]
        if self.self_conditioned:
            pixels.append(torch.zeros_like(x_t) if cond.previous is None else cond.previous)
        folded = F.pixel_unshuffle(torch.cat(pixels, dim=1), self.config.patch)
        if self.config.coordinates:
            folded = torch.cat([folded, coordinates(folded)], dim=1)
        return folded.contiguous(memory_format=torch.channels_last)  # what the norms read

    def encode(
        self, inputs: Tensor, embedding: Tensor, text: TextEmbedding | None
    ) -> tuple[Tensor, list[Tensor]]:
        """Walk down; returns the coarsest features and one skip for each block passed."""
        h = self.conv_in(inputs)
        skips = []
        for level, (down, blocks) in enumerate(zip(self.down, self.down_blocks, strict=True)):
            h = down(h)
            for block in blocks:  # type: ignore[attr-defined]
                h = self._run(block, level, h, embedding, text)
                skips.append(h)
        return h, skips

    def middle(self, h: Tensor, embedding: Tensor, text: TextEmbedding | None) -> Tensor:
        """Pass the coarsest level."""
        return self._run(self.middle_block, len(self.down) - 1, h, embedding, text)

    def decode(
        self, h: Tensor, skips: list[Tensor], embedding: Tensor, text: TextEmbedding | None
    ) -> Tensor:
        """Walk up, reading the skips in reverse, each scaled by 2^-0.5."""
        skips, levels = list(skips), reversed(range(len(self.up)))
        for level, up, blocks in zip(levels, self.up, self.up_blocks, strict=True):
            for block in blocks:  # type: ignore[attr-defined]
                h = torch.cat([h, skips.pop() * 2**-0.5], dim=1)
                h = self._run(block, level, h, embedding, text)
            h = up(h)
        return h

    def unfold(self, h: Tensor, inputs: Tensor, embedding: Tensor) -> Tensor:
        """Turn features into pixels.

        A level narrower than its patch cannot carry every pixel, so the inputs also pass by the
        network, each channel gated by the noise level: the linear part of denoising for free.
        """
        passing = self.pass_by(inputs * self.gate(embedding)[:, :, None, None])
        out = self.conv_out(F.silu(self.norm_out(h))) + passing
        return F.pixel_shuffle(out, self.config.patch)

    def _run(
        self, block: nn.Module, level: int, h: Tensor, embedding: Tensor, text: TextEmbedding | None
    ) -> Tensor:
        again = self.config.recomputes(level) and torch.is_grad_enabled()
        run = partial(checkpoint, block, use_reentrant=False) if again else block
        out: Tensor = run(h, embedding, text)
        return out

    def _check_sides(self, x: Tensor) -> None:
        multiple = self.config.size_multiple
        if x.shape[2] % multiple or x.shape[3] % multiple:
            raise ConfigError(
                f"an image of {x.shape[3]} x {x.shape[2]} pixels: this network's patch and levels "
                f"need sides that are multiples of {multiple}"
            )
