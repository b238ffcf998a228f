"""The flags of commands that train again what is bundled."""

from minimagen.cli.flags import Flag, directory, whole
from minimagen.cli.shared import SEED

MADE = "what is made"


def build_flags(output: str, steps: int, examples: str) -> tuple[Flag, ...]:
    """Return where it is written, how long it is trained, and the seed.

    Args:
        output: the directory, unless another is given.
        steps: likewise; 64 examples each.
        examples: what they are.
    """
    return (
        Flag("OUTPUT", "-o", MADE, f"directory to write; default: {output}", directory),
        Flag("STEPS", "-ns", MADE, f"optimizer steps of 64 {examples}; default: {steps}", whole(1)),
        SEED,
    )
