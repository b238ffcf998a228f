"""The names that the peers import; calling one says that it is not there."""

__all__ = [
    "CenterCrop",
    "Compose",
    "Lambda",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "Resize",
    "ToPILImage",
    "ToTensor",
]


class Absent:
    """A transform that cannot be made."""

    def __init__(self, *_: object, **__: object) -> None:
        raise NotImplementedError("torchvision is only stood in for; give the peer tensors")


def __getattr__(name: str) -> type[Absent]:
    if name not in __all__:
        raise AttributeError(f"the stand-in for torchvision.transforms has no {name!r}")
    return Absent
