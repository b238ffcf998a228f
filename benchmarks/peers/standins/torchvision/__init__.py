"""Stands in for torchvision, which both peers import for data loaders that nothing here uses."""

from torchvision import transforms, utils

__all__ = ["transforms", "utils"]
