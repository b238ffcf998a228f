"""A U-Net as graphs have it: tensors of fixed names go in, one tensor comes out.

    x_t (B, C, H, W), log_snr (B,)                       always
    tokens (B, L, D), weights (B, L)                     where it reads text
    lowres (B, C, H, W), lowres_log_snr (B,)             where it enlarges
    previous (B, C, H, W)                                where it is shown its last estimate

``weights`` is as how many each token counts; 0 is padding, and null text is 0 everywhere.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from minimagen.aspect import Sides
from minimagen.conditioning import Conditioning, LowRes, TextEmbedding
from minimagen.errors import UsageError
from minimagen.models import UNet
from minimagen.models.unet import UNetConfig

Answer = Callable[[Mapping[str, Tensor]], Tensor]
"""From a graph's inputs by name to its output, (B, C, H, W)."""

FEWEST = 3  # positions of the coarsest level along a side, where sides are free
PICTURES = "x_t", "lowres", "previous"


class Graph(nn.Module):
    """A network whose inputs are tensors alone.

    Args:
        network: what answers.
    """

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        x_t: Tensor,
        log_snr: Tensor,
        tokens: Tensor | None = None,
        weights: Tensor | None = None,
        lowres: Tensor | None = None,
        lowres_log_snr: Tensor | None = None,
        previous: Tensor | None = None,
    ) -> Tensor:
        """Answer as the network does, (B, C, H, W)."""
        text, image = None, None
        if tokens is not None and weights is not None:
            text = TextEmbedding(tokens, weights > 0, weights)
        if lowres is not None and lowres_log_snr is not None:
            image = LowRes(lowres, lowres_log_snr)
        answer: Tensor = self.network(x_t, log_snr, Conditioning(text, image, previous))
        return answer


def inputs_of(network: UNet) -> tuple[str, ...]:
    """Name the inputs of a network's graph, in their order."""
    text = ("tokens", "weights") if network.reader is not None else ()
    lowres = ("lowres", "lowres_log_snr") if network.embed_lowres_log_snr is not None else ()
    previous = ("previous",) if network.self_conditioned else ()
    return ("x_t", "log_snr", *text, *lowres, *previous)


def told(
    inputs: Sequence[str], x_t: Tensor, log_snr: Tensor, cond: Conditioning
) -> dict[str, Tensor]:
    """Return what a graph of these inputs is told, by name and in their order.

    Args:
        inputs: as :func:`inputs_of` names them.
        x_t: (B, C, H, W).
        log_snr: (B,).
        cond: what a network is told besides.
    """
    given = {"x_t": x_t, "log_snr": log_snr}
    if cond.text is not None:
        given |= {"tokens": cond.text.tokens, "weights": counts(cond.text)}
    if cond.lowres is not None:
        given |= {"lowres": cond.lowres.image, "lowres_log_snr": cond.lowres.log_snr}
    given["previous"] = torch.zeros_like(x_t) if cond.previous is None else cond.previous
    return {name: given[name] for name in inputs}


def counts(text: TextEmbedding) -> Tensor:
    """Return as how many each token counts, 0 where it is masked; (B, L)."""
    weights = torch.ones_like(text.tokens[..., 0]) if text.weights is None else text.weights
    return torch.where(text.mask, weights.to(text.tokens.dtype), 0.0)


def free_sides(config: UNetConfig) -> bool:
    """Whether a network's graph takes pictures of other sides, too.

    One that attends among positions, or is told where each lies, is laid down for one size.
    """
    return config.is_convolutional


def example(network: UNet, sides: Sides, *, batch: int = 2, tokens: int = 5) -> dict[str, Tensor]:
    """Return inputs to ask a network about, drawn from a fixed seed.

    Args:
        network: is asked.
        sides: height and width, in pixels.
        batch: B.
        tokens: L; the last of each caption but the first is padding.
    """
    source = torch.Generator().manual_seed(0)
    text_width = 0 if network.reader is None else network.reader.text_width

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=source)

    image = (batch, network.config.channels, *sides)
    weights = torch.ones(batch, tokens)
    weights[1:, -1] = 0
    given = {
        "x_t": drawn(*image),
        "log_snr": drawn(batch),
        "tokens": drawn(batch, tokens, text_width),
        "weights": weights,
        "lowres": drawn(*image),
        "lowres_log_snr": drawn(batch),
        "previous": drawn(*image),
    }
    return {name: given[name] for name in inputs_of(network)}


def traced(network: UNet, given: Mapping[str, Tensor]) -> ExportedProgram:
    """Lay down a network as a graph of operators, for any batch and any number of tokens.

    Args:
        network: is asked once.
        given: what about, as :func:`example` makes it.

    Source: ``torch.export``, https://docs.pytorch.org/docs/stable/export.html.
    """
    shapes = _free_axes(network.config, given)
    program = torch.export.export(Graph(network).eval(), (), dict(given), dynamic_shapes=shapes)
    for node in program.graph.nodes:  # else files would say where ours lie on this machine
        node.meta.pop("stack_trace", None)
    return program


def _free_axes(config: UNetConfig, given: Mapping[str, Tensor]) -> dict[str, Any]:
    """Say which axes of each input may have any length."""
    batch, tokens = Dim("batch"), Dim("tokens")
    axes: dict[str, dict[int, Any]] = {name: {0: batch} for name in given}
    for name in {"tokens", "weights"} & axes.keys():
        axes[name][1] = tokens
    if free_sides(config):
        high, wide = (config.size_multiple * Dim(name, min=FEWEST) for name in ("high", "wide"))
        for name in set(PICTURES) & axes.keys():
            axes[name] |= {2: high, 3: wide}
    return axes


class AskedElsewhere(UNet):
    """A U-Net whose answers are computed elsewhere: it has the shape of one, and no weights.

    Args:
        config: its shape.
        inputs: what its graph is told, as :func:`inputs_of` names them.
        sides: height and width of the only pictures it answers; None is any.
        answer: runs the graph.
    """

    def __init__(
        self, config: UNetConfig, inputs: Sequence[str], sides: Sides | None, answer: Answer
    ) -> None:
        nn.Module.__init__(self)  # and not UNet's, which would make the weights
        self.config, self.inputs, self.sides, self.answer = config, tuple(inputs), sides, answer
        self.self_conditioned = "previous" in inputs
        self.reader = _HandedOn() if "tokens" in inputs else None  # type: ignore[assignment]
        self.here = nn.Parameter(torch.empty(0), requires_grad=False)  # says on which device

    def forward(self, x_t: Tensor, log_snr: Tensor, cond: Conditioning) -> Tensor:
        """Answer a noisy image, as :meth:`UNet.forward` does.

        Raises:
            UsageError: for pictures of other sides than it was exported for.
        """
        sides = tuple(x_t.shape[2:])
        if self.sides is not None and sides != self.sides:
            raise UsageError(
                f"a picture of {sides[1]} x {sides[0]} px: this network was exported for "
                f"{self.sides[1]} x {self.sides[0]} px alone; draw others with its training "
                "directory"
            )
        return self.answer(told(self.inputs, x_t, log_snr, cond))


class _HandedOn(nn.Module):
    """In the place of a reader: the graph reads the text."""

    def forward(self, text: TextEmbedding) -> tuple[TextEmbedding, Tensor]:
        """Return the text as it came; what is pooled of it stays in the graph."""
        return text, text.tokens[:, 0, :0]
