"""Flags that several scripts take."""

from minimagen.cli.flags import Flag, choice, directory, real, whole

GROUP = "where and how"

DEVICE = Flag("DEVICE", "-dv", GROUP, "cpu, cuda, cuda:1 or mps; default: the best there is")
PRECISION = Flag(
    "PRECISION",
    "-pr",
    GROUP,
    "what networks compute in, no, bf16 or fp16; default: bf16 where the GPU has it, else no",
    choice("no", "bf16", "fp16"),
)
OUTPUT = Flag("OUTPUT", "-o", GROUP, "where results are made; default: here", directory)
SEED = Flag(
    "SEED", "-sd", GROUP, "every random draw follows from it; default: 0", whole(0, 2**31 - 1)
)

sigma_rel = real(0, 0.28, above=True)
"""Reads the length of an average."""
