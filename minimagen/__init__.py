"""An Imagen-style text-to-image cascade in PyTorch.

Importing this package imports nothing else: ``Imagen`` arrives on first use (PEP 562).
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Imagen", "__version__"]

if TYPE_CHECKING:
    from minimagen.imagen import Imagen


def __getattr__(name: str) -> Any:
    if name == "Imagen":
        from minimagen.imagen import Imagen

        return Imagen
    raise AttributeError(f"module 'minimagen' has no attribute {name!r}")
