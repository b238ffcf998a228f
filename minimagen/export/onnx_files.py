"""Graphs as ONNX files, which programs without PyTorch read; onnx's and onnxruntime's only door."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from minimagen.errors import UsageError
from minimagen.export.graph import Answer

SUFFIX = ".onnx"
NEEDED = "onnx", "onnxscript", "onnxruntime"
OPSET = 20
APART = 1_500_000_000  # bytes of weights from which they get a file of their own; ONNX ends at 2 GB
PROVIDERS = "CUDAExecutionProvider", "CPUExecutionProvider"


def require_onnx() -> None:
    """Check that ONNX can be written and run.

    Raises:
        UsageError: naming what is missing, and how to get it.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"--FORMAT onnx: needs {', '.join(missing)}; install what is missing with: "
            "pip install 'minimagen[export]'"
        )


def write_onnx(program: ExportedProgram, path: Path) -> None:
    """Write a graph; weights of more than ``APART`` bytes go into a file beside it."""
    size = sum(w.numel() * w.element_size() for w in program.state_dict.values())
    with _quietly():
        plain = program.run_decompositions(
            {torch.ops.aten.scaled_dot_product_attention.default: _attention}
        )
        made = torch.onnx.export(
            plain, opset_version=OPSET, external_data=size > APART, dynamo=True, verbose=False
        )
        assert made is not None
        for node in made.model.graph:  # where in our code it came from: twice as much as the graph
            for part in (node, *node.outputs):
                part.metadata_props.clear()
        made.save(path, external_data=size > APART)


def _attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None
) -> Tensor:
    """Attention of any number of axes; what translates it for ONNX knows four alone."""
    scores = query @ key.mT * query.shape[-1] ** -0.5
    weights = (scores if attn_mask is None else scores + attn_mask).softmax(dim=-1)
    read: Tensor = weights @ value
    return read


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep back what torch says of packages that it does not need, and to its own developers."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def onnx_answer(path: Path) -> Answer:
    """Read a graph, and return what runs it in onnxruntime, on a GPU where that can use one.

    Raises:
        UsageError: when onnxruntime is not installed.
    """
    require_onnx()
    runtime: Any = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    there = set(runtime.get_available_providers())
    providers = [name for name in PROVIDERS if name in there]
    session = runtime.InferenceSession(path, options, providers=providers)

    def answer(given: Mapping[str, Tensor]) -> Tensor:
        arrays = {name: tensor.contiguous().numpy() for name, tensor in given.items()}
        [out] = session.run(None, arrays)
        return torch.from_numpy(out)

    return answer
