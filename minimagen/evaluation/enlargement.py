"""How true an enlarged picture is: to the original, and to the small one it was made from.

All measures are of one picture each, so that stages can be compared pair by pair. Bicubic and
Lanczos enlargements are what a stage has to beat.
"""

from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from minimagen.data.extras import required
from minimagen.lowres import resize
from minimagen.tensors import from_uint8, mean_per_sample, to_uint8

RANGE = 2.0  # of values from -1 to 1
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}


def psnr(images: Tensor, originals: Tensor) -> Tensor:
    """Return  10 log10(range^2 / mean squared error)  in dB; (B,). Equal pictures have inf.

    Args:
        images: in [-1, 1], (B, 3, H, W).
        originals: likewise.
    """
    errors = mean_per_sample((images.double() - originals.double()).square())
    return 10 * torch.log10(RANGE**2 / errors)


def ssim(images: Tensor, originals: Tensor) -> Tensor:
    """Return the structural similarity, at most 1; (B,). A Gaussian window of sigma 1.5.

    Args:
        images: in [-1, 1], (B, 3, H, W), at least 11 pixels each way.
        originals: likewise.

    Raises:
        DataError: when torchmetrics is not installed.

    Source: Wang et al. 2004, "Image quality assessment: from error visibility to structural
    similarity", by torchmetrics.
    """
    metrics: Any = required("torchmetrics.functional.image", "eval", "SSIM")
    light = [(x.double() + 1) / RANGE for x in (images, originals)]  # black is 0, as SSIM wants it
    found: Tensor = metrics.structural_similarity_index_measure(
        *light, data_range=1.0, reduction="none"
    )
    return found


def consistency(enlarged: Tensor, small: Tensor) -> Tensor:
    """Return the PSNR of enlarged pictures, made small again, against what they were made from.

    Args:
        enlarged: in [-1, 1], (B, 3, H, W).
        small: the low-res input, (B, 3, h, w).

    Source: Lugmayr et al. 2021, NTIRE challenge on super-resolution space, "LR-PSNR"; with the
    resize by which this project makes its low-res images.
    """
    return psnr(resize(enlarged, (small.shape[2], small.shape[3])), small)


def enlarged_by(how: Literal["bicubic", "lanczos"], images: Tensor, size: int) -> Tensor:
    """Enlarge pictures by a filter alone, through bytes, as a user of Pillow would.

    Args:
        how: the filter.
        images: in [-1, 1], (B, 3, h, w).
        size: side of the result in pixels.
    """
    bytes_ = to_uint8(images).permute(0, 2, 3, 1).numpy()
    made = [np.array(Image.fromarray(each).resize((size, size), FILTERS[how])) for each in bytes_]
    return from_uint8(torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2))
