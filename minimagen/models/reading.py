"""Reading a text once for all the steps of a walk: what is made of it does not change with t."""

from dataclasses import replace

from torch import Tensor

from minimagen.conditioning import Conditioning, TextEmbedding
from minimagen.models.attention import ReadText
from minimagen.models.unet import UNet


class ReadOnce:
    """A network that keeps what it made of the last text: pooled vector, keys and values.

    It is good for one walk, on which the weights stand still and no gradient is asked for. The same
    text is the same object.

    Args:
        network: called as ``(x_t, log_snr, cond)``.
    """

    def __init__(self, network: UNet) -> None:
        self.network = network
        self._of: TextEmbedding | None = None
        self._read: ReadText | None = None

    def __call__(self, x_t: Tensor, log_snr: Tensor, cond: Conditioning) -> Tensor:
        """Answer as the network does."""
        if self.network.reader is not None and cond.text is not self._of:
            self._of, self._read = cond.text, None if cond.text is None else self._remade(cond.text)
        answer: Tensor = self.network(x_t, log_snr, replace(cond, text=self._read))
        return answer

    def _remade(self, text: TextEmbedding) -> ReadText:
        assert self.network.reader is not None
        read, pooled = self.network.reader(text)
        return ReadText(tokens=read.tokens, mask=read.mask, weights=read.weights, pooled=pooled)
