"""Graphs in PyTorch's own form, which ``torch.export.load`` reads without any of our code."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from minimagen.export.graph import Answer

SUFFIX = ".pt2"


def write_program(program: ExportedProgram, path: Path) -> None:
    """Write a graph and its weights."""
    torch.export.save(program, path)


def program_answer(path: Path) -> Answer:
    """Read a graph, and return what runs it on the CPU."""
    module = torch.export.load(path).module()

    @torch.no_grad()
    def answer(given: Mapping[str, Tensor]) -> Tensor:
        out: Tensor = module(**given)
        return out

    return answer
