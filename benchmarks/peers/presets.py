"""How the peers are set, and what else was tried.

Widths and blocks are small ones, self-attention and cross-attention are at the lowest level alone,
since above it they cost most of the time. ``--tune`` trains ``TRIED`` for equal seconds beside it.
Both draw with an average of their weights, as imagen-pytorch's trainer and ours do.
"""

from typing import Any

Settings = dict[str, Any]

NAMES = ("minimagen 0.0.9", "imagen-pytorch 2.1.0")
STEPS = 25  # of sampling, as in minimagen's README; imagen-pytorch may be trained with any number
LOWEST = {"layer_attns": (False, False, True), "layer_cross_attns": (False, False, True)}
GUIDANCE = 3.0  # as imagen-pytorch's README draws, and as ours


def settings_of(
    name: str,
    *,
    width: int = 32,
    blocks: int = 1,
    batch: int = 16,
    rate: float = 1e-3,
    average: float = 0.98,
    seed: int = 0,
) -> Settings:
    """Return the settings of a peer's base, as :class:`benchmarks.peers.theirs.Peer` takes them.

    Args:
        name: one of ``NAMES``.
        width: channels of the highest level; the others have twice and four times as many.
        blocks: of each level, besides the first.
        batch: images of a step.
        rate: of Adam.
        average: decay of the weights' average that draws; 0 draws with the weights themselves.
        seed: of everything.
    """
    unet = {"dim": width, "dim_mults": (1, 2, 4), "num_resnet_blocks": blocks, **LOWEST}
    return {
        "name": name,
        "unet": unet,
        "imagen": {"timesteps": STEPS},
        "rate": rate,
        "batch": batch,
        "clip": 1.0,
        "average": average,
        "guidance": GUIDANCE,
        "seed": seed,
    }


TRIED: tuple[Settings, ...] = (
    {"width": 32},
    {"width": 16},
    {"width": 32, "rate": 3e-4},
    {"width": 32, "batch": 8},
)
