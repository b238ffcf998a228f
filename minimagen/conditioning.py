"""What a network is told besides the noisy image: text, a low-resolution image, its own estimate.

Null text is a mask that is False everywhere: the network then attends its own learned null token
only. The null side keeps everything else, so guidance steers by text alone. A dropped
low-resolution image is zeros, told at :data:`COMPLETE_NOISE`.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from minimagen.errors import UsageError

COMPLETE_NOISE = -20.0
"""Log-SNR at which a dropped low-res image is told: an image of which nothing at all can be seen.

Augmentation schedules end at -15 by default, so a network cannot take it for an image with noise.
"""


@dataclass(frozen=True)
class TextEmbedding:
    """Captions as an encoder sees them.

    Args:
        tokens: (B, L, D), float.
        mask: (B, L), bool; False marks padding. All False is null text.
        weights: as how many each token counts when it is read, (B, L); None is once each.
    """

    tokens: Tensor
    mask: Tensor
    weights: Tensor | None = None

    def __len__(self) -> int:
        """Return B."""
        return len(self.tokens)

    def __getitem__(self, rows: slice | Tensor) -> "TextEmbedding":
        """Pick some of the captions."""
        weights = None if self.weights is None else self.weights[rows]
        return TextEmbedding(self.tokens[rows], self.mask[rows], weights)

    def attention_mask(self, dtype: torch.dtype) -> Tensor:
        """Return the mask for ``scaled_dot_product_attention``, (B, L).

        Without weights it is bool. With them it is log(weight), added to the logits: a token of
        weight 2 is read as if it stood there twice, one of weight 0 not at all.
        """
        if self.weights is None:
            return self.mask
        return torch.where(self.mask, self.weights, 0.0).log().to(dtype)

    def drop(self, keep: Tensor) -> "TextEmbedding":
        """Replace captions by null text where ``keep`` (B,) is False."""
        return replace(self, mask=self.mask & keep.to(self.mask.device)[:, None])

    def repeated(self, count: int) -> "TextEmbedding":
        """Give one caption to ``count`` samples; as many captions as samples stay as they are.

        Raises:
            UsageError: for any other number of captions.
        """
        if len(self) == count:
            return self
        if len(self) != 1:
            raise UsageError(f"{len(self)} captions for {count} samples: give 1, or {count}")
        return self[torch.zeros(count, dtype=torch.int64)]

    def padded(self, length: int) -> "TextEmbedding":
        """Append padding up to ``length`` tokens."""
        more = length - self.mask.shape[1]
        weights = None if self.weights is None else F.pad(self.weights, (0, more), value=1.0)
        tokens, mask = F.pad(self.tokens, (0, 0, 0, more)), F.pad(self.mask, (0, more))
        return TextEmbedding(tokens, mask, weights)

    def to(self, device: torch.device | str) -> "TextEmbedding":
        """Move to a device."""
        weights = None if self.weights is None else self.weights.to(device)
        return TextEmbedding(self.tokens.to(device), self.mask.to(device), weights)

    @staticmethod
    def cat(parts: "list[TextEmbedding]") -> "TextEmbedding":
        """Join batches, padding all to the longest."""
        longest = max(part.mask.shape[1] for part in parts)
        parts = [part.padded(longest) for part in parts]
        weights = None
        if any(part.weights is not None for part in parts):
            weights = torch.cat([part._weights_or_ones() for part in parts])
        return TextEmbedding(
            torch.cat([part.tokens for part in parts]),
            torch.cat([part.mask for part in parts]),
            weights,
        )

    def _weights_or_ones(self) -> Tensor:
        ones = torch.ones(self.mask.shape, device=self.mask.device)
        return ones if self.weights is None else self.weights


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

    def drop(self, keep: Tensor) -> "LowRes":
        """Replace images by zeros, complete noise, where ``keep`` (B,) is False."""
        keep = keep.to(self.image.device)
        return LowRes(
            torch.where(keep[:, None, None, None], self.image, 0.0),
            torch.where(keep, self.log_snr, COMPLETE_NOISE),
        )

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
    """Everything a denoiser is told besides x_t and t; bound last.

    Args:
        text: captions.
        lowres: the previous stage's images.
        previous: the network's own earlier estimate of x_0, (B, C, H, W) like x_t.
    """

    text: TextEmbedding | None = None
    lowres: LowRes | None = None
    previous: Tensor | None = None

    def __getitem__(self, rows: slice | Tensor) -> "Conditioning":
        """Pick some of the samples."""
        return Conditioning(
            None if self.text is None else self.text[rows],
            None if self.lowres is None else self.lowres[rows],
            None if self.previous is None else self.previous[rows],
        )

    def drop_text(self, keep: Tensor) -> "Conditioning":
        """Replace captions by null text where ``keep`` (B,) is False."""
        return self if self.text is None else replace(self, text=self.text.drop(keep))

    def drop_lowres(self, keep: Tensor) -> "Conditioning":
        """Replace low-res images by complete noise where ``keep`` (B,) is False."""
        return self if self.lowres is None else replace(self, lowres=self.lowres.drop(keep))

    def null(self) -> "Conditioning":
        """Drop all text and keep the rest."""
        if self.text is None:
            return self
        return self.drop_text(torch.zeros(len(self.text), dtype=torch.bool))

    def without_lowres(self) -> "Conditioning":
        """Drop all low-res images and keep the rest."""
        if self.lowres is None:
            return self
        return self.drop_lowres(torch.zeros(len(self.lowres), dtype=torch.bool))

    def to(self, device: torch.device | str) -> "Conditioning":
        """Move to a device."""
        return Conditioning(
            None if self.text is None else self.text.to(device),
            None if self.lowres is None else self.lowres.to(device),
            None if self.previous is None else self.previous.to(device),
        )

    @staticmethod
    def cat(parts: "list[Conditioning]") -> "Conditioning":
        """Join batches; of text, low-res image and estimate all or none of the parts have each."""
        texts = [part.text for part in parts if part.text is not None]
        lowres = [part.lowres for part in parts if part.lowres is not None]
        previous = [part.previous for part in parts if part.previous is not None]
        return Conditioning(
            TextEmbedding.cat(texts) if texts else None,
            LowRes.cat(lowres) if lowres else None,
            torch.cat(previous) if previous else None,
        )
