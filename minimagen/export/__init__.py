"""A trained cascade for other programs: its networks as graphs, whole or pruned, and drawing there.

A graph is one network: it answers ``(x_t, log_snr, ..)`` and knows no schedule, sampler or text
encoder. Those stay here, so every edit, sampler and kind of guidance draws with exported networks,
too. ``onnx_files`` is the only door of onnx, onnxscript and onnxruntime.
"""

from minimagen.export.directory import export_cascade, load_exported, require_form
from minimagen.export.pruning import pruned

__all__ = ["export_cascade", "load_exported", "pruned", "require_form"]
