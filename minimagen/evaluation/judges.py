"""Who says whether a picture shows what its caption says: the rules of a data set, or CLIP."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from minimagen.data.sources import DataConfig
from minimagen.errors import UsageError
from minimagen.evaluation.alignment import clip_score
from minimagen.evaluation.caption_accuracy import matches, named_pair
from minimagen.evaluation.digit_classifier import DigitClassifier, named_digit
from minimagen.evaluation.features import FeatureNetwork, ReadingNetwork
from minimagen.evaluation.scene_accuracy import judge as judge_scene
from minimagen.evaluation.scene_accuracy import parsed
from minimagen.tensors import to_uint8


@dataclass(frozen=True)
class CaptionJudge:
    """Scores each picture by its caption.

    Args:
        name: of the score, in ``report.json``.
        title: for people.
        score: of pictures in [-1, 1], (B, 3, H, W), and their captions; (B,), more is better.
        is_verdict: whether scores are 0 and 1, wrong and right.
    """

    name: str
    title: str
    score: Callable[[Tensor, Sequence[str]], Tensor]
    is_verdict: bool = True


def judge_for(
    data: DataConfig, captions: Sequence[str], network: FeatureNetwork
) -> CaptionJudge | None:
    """Find who can judge these captions; None where nobody can.

    Args:
        data: the data set they belong to.
        captions: all that are to be judged.
        network: whose features are taken; one that reads captions judges any.
    """
    if not all(captions):
        return None
    if data.dataset == "digits" and _all_can_be(named_digit, captions):
        return CaptionJudge("digit_accuracy", "the digit its caption names", _of_digits())
    if data.dataset == "shapes" and data.shapes.variant == "single":
        if _all_can_be(named_pair, captions):
            return CaptionJudge("caption_accuracy", "colour and shape as its caption says", _single)
    elif data.dataset == "shapes" and all(parsed(caption)[0] for caption in set(captions)):
        return CaptionJudge("caption_accuracy", "the scene that its caption names", _scene)
    if isinstance(network, ReadingNetwork):
        reader = network

        def clip(images: Tensor, some: Sequence[str]) -> Tensor:
            return clip_score(reader, images, some)

        return CaptionJudge("clip_score", f"CLIP score, {network.name}", clip, is_verdict=False)
    return None


def _all_can_be(read: Callable[[str], object], captions: Sequence[str]) -> bool:
    try:
        for caption in set(captions):
            read(caption)
    except UsageError:
        return False
    return True


def _of_digits() -> Callable[[Tensor, Sequence[str]], Tensor]:
    fitted = DigitClassifier.fitted()
    return fitted.right


def _single(images: Tensor, captions: Sequence[str]) -> Tensor:
    pictures = to_uint8(images).permute(0, 2, 3, 1).numpy()
    right = [matches(one, caption) for one, caption in zip(pictures, captions, strict=True)]
    return torch.tensor(right, dtype=torch.float64)


def _scene(images: Tensor, captions: Sequence[str]) -> Tensor:
    pictures = to_uint8(images).permute(0, 2, 3, 1).numpy()
    found = [judge_scene(one, said).relation for one, said in zip(pictures, captions, strict=True)]
    return torch.tensor(found, dtype=torch.float64)
