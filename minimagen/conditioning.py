"""What a network is told besides the noisy image: text, and a low-resolution image.

Null text is a mask that is False everywhere: the network then attends its own learned null token
only. The null side keeps the low-resolution image, so guidance steers by text alone.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class TextEmbedding:
    """Captions as an encoder sees them.

    Args:
        tokens: (B, L, D), float.
        mask: (B, L), bool; False marks padding. All False is null text.
    """

    tokens: Tensor
    mask: Tensor

    def __len__(self) -> int:
        """Return B."""
        return len(self.tokens)

    def __getitem__(self, rows: slice | Tensor) -> "TextEmbedding":
        """Pick some of the captions."""
        return TextEmbedding(self.tokens[rows], self.mask[rows])

    def drop(self, keep: Tensor) -> "TextEmbedding":
        """Replace captions by null text where ``keep`` (B,) is False."""
        return replace(self, mask=self.mask & keep.to(self.mask.device)[:, None])

    def padded(self, length: int) -> "TextEmbedding":
        """Append padding up to ``length`` tokens."""
        more = length - self.mask.shape[1]
        return TextEmbedding(F.pad(self.tokens, (0, 0, 0, more)), F.pad(self.mask, (0, more)))

    def to(self, device: torch.device | str) -> "TextEmbedding":
        """Move to a device."""
        return TextEmbedding(self.tokens.to(device), self.mask.to(device))

    @staticmethod
    def cat(parts: "list[TextEmbedding]") -> "TextEmbedding":
        """Join batches, padding all to the longest."""
        longest = max(part.mask.shape[1] for part in parts)
        parts = [part.padded(longest) for part in parts]
        return TextEmbedding(
            torch.cat([part.tokens for part in parts]), torch.cat([part.mask for part in parts])
        )


@dataclass(frozen=True)
class LowRes:
    """The previous stage's image at this stage's size, noised.

    Args:
        image: (B, C, S, S).
        log_snr: how noised it is, (B,).
    """

    image: Tensor
    log_snr: Tensor

    def __len__(self) -> int:
        """Return B."""
        return len(self.image)

    def __getitem__(self, rows: slice | Tensor) -> "LowRes":
        """Pick some of the images."""
        return LowRes(self.image[rows], self.log_snr[rows])

    def to(self, device: torch.device | str) -> "LowRes":
        """Move to a device."""
        return LowRes(self.image.to(device), self.log_snr.to(device))

    @staticmethod
    def cat(parts: "list[LowRes]") -> "LowRes":
        """Join batches."""
        return LowRes(
            torch.cat([part.image for part in parts]), torch.cat([part.log_snr for part in parts])
        )


@dataclass(frozen=True)
class Conditioning:
    """Everything a denoiser is told besides x_t and t; bound last."""

    text: TextEmbedding | None = None
    lowres: LowRes | None = None

    def __getitem__(self, rows: slice | Tensor) -> "Conditioning":
        """Pick some of the samples."""
        return Conditioning(
            None if self.text is None else self.text[rows],
            None if self.lowres is None else self.lowres[rows],
        )

    def drop_text(self, keep: Tensor) -> "Conditioning":
        """Replace captions by null text where ``keep`` (B,) is False."""
        return self if self.text is None else replace(self, text=self.text.drop(keep))

    def null(self) -> "Conditioning":
        """Drop all text and keep the rest."""
        if self.text is None:
            return self
        return self.drop_text(torch.zeros(len(self.text), dtype=torch.bool))

    def to(self, device: torch.device | str) -> "Conditioning":
        """Move to a device."""
        return Conditioning(
            None if self.text is None else self.text.to(device),
            None if self.lowres is None else self.lowres.to(device),
        )

    @staticmethod
    def cat(parts: "list[Conditioning]") -> "Conditioning":
        """Join batches; all or none of the parts have text, and likewise a low-res image."""
        texts = [part.text for part in parts if part.text is not None]
        lowres = [part.lowres for part in parts if part.lowres is not None]
        return Conditioning(
            TextEmbedding.cat(texts) if texts else None, LowRes.cat(lowres) if lowres else None
        )
