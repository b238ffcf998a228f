"""The names that the peers import; calling one says that it is not there."""


class Absent:
    """A transform that cannot be made."""

    def __init__(self, *_: object, **__: object) -> None:
        raise NotImplementedError("torchvision is only stood in for; give the peer tensors")


CenterCrop = Compose = Lambda = RandomHorizontalFlip = Resize = ToTensor = Absent
RandomResizedCrop = ToPILImage = Absent
