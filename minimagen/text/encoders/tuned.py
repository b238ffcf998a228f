"""An encoder whose weights went on learning with a base stage, as a run left them."""

import hashlib
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from minimagen.errors import ConfigError
from minimagen.text.encoders.transformer import Transformer, TransformerEncoder


class Tuned:
    """A transformer with other weights than its files have; see :class:`Found`.

    Args:
        base: what it was before.
        weights: a safetensors file of its parameters by name.
    """

    def __init__(self, base: Transformer, weights: Path) -> None:
        self._base, self._weights = base, weights

    @property
    def width(self) -> int:
        """Numbers per token, D."""
        return self._base.width

    @cached_property
    def identity(self) -> str:
        """The encoder it was, and what its weights have become.

        Raises:
            ConfigError: when the file is missing.
        """
        try:
            with self._weights.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise self._complaint(error.strerror or "cannot be read") from None
        return f"{self._base.identity} tuned sha256:{digest}"

    @property
    def about(self) -> str:
        """The encoder it was, and where it learnt."""
        return f"{self._base.about}; fine-tuned, weights {self._weights.name}"

    def load(self, device: torch.device | str = "cpu") -> TransformerEncoder:
        """Bring its weights into memory.

        Raises:
            ConfigError: when the file is damaged, or belongs to another encoder.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        encoder = self._base.load(device)
        try:
            put_weights(encoder.model, load_file(self._weights))
        except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
            raise self._complaint(" ".join(str(error).split())[:120]) from None
        encoder.identity = self.identity
        return encoder

    def _complaint(self, why: str) -> ConfigError:
        return ConfigError(
            f"{self._weights}: no weights of this text encoder ({why}); bring the file that its "
            "run wrote, with the parameter files beside it"
        )


def weights_of(model: torch.nn.Module) -> dict[str, Tensor]:
    """Return a network's parameters by name, each once however often it is used."""
    return {name: weight.detach() for name, weight in model.named_parameters()}


@torch.no_grad()
def put_weights(model: torch.nn.Module, weights: dict[str, Tensor]) -> None:
    """Put back what :func:`weights_of` returned.

    Raises:
        ValueError: when names differ.
        RuntimeError: when shapes differ.
    """
    own = dict(model.named_parameters())
    if own.keys() != weights.keys():
        odd = sorted(own.keys() ^ weights.keys())[0]
        raise ValueError(f"{odd} is in one of them only")
    for name, weight in own.items():
        weight.copy_(weights[name])
