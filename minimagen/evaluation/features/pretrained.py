"""DINOv2 and CLIP through ``transformers``, whose only door in this room this is.

DINOv2's features give FDD, which people agree with more than with FID (Stein et al. 2023,
arXiv:2306.04675); CLIP's give CMMD (Jayasumana et al. 2023, arXiv:2401.09603) and the CLIP score.
Files are looked for on this machine first; the Hub is asked only if it answers.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor

from minimagen.errors import ConfigError
from minimagen.lowres import resize
from minimagen.text.encoders import ClipConfig, TextEncoder, load_encoder
from minimagen.text.encoders.files import quiet_transformers
from minimagen.text.locate import hub_file, is_hub_reachable

SHORT_NAMES = {
    "dinov2": "facebook/dinov2-large",
    "clip": "openai/clip-vit-large-patch14-336",
}
WANTED = "config.json, preprocessor_config.json and model.safetensors"


@dataclass(frozen=True)
class Found:
    """A network whose files are there.

    Args:
        called: as it was asked for.
        name: a directory or a Hub name.
        settings: its config.json.
        looks: its preprocessor_config.json.
        local: ask this machine only, not the network.
        revision: the commit on the Hub; None for a directory.
    """

    called: str
    name: str
    settings: dict[str, Any]
    looks: dict[str, Any]
    local: bool
    revision: str | None


class Pretrained:
    """A network of ``transformers`` as a feature network.

    Args:
        found: its files.
        model: with weights.
        see: pixel values, as the model wants them, to features (B, D).
        width: D.
        device: where it computes.
    """

    def __init__(
        self,
        found: Found,
        model: Any,
        see: Callable[[Tensor], Tensor],
        width: int,
        device: torch.device | str,
    ) -> None:
        self.name = found.called
        self.width = width
        self.identity = _identity(found)
        self._see, self._device = see, device
        self._found, self._model = found, model.eval().requires_grad_(False).to(device)
        self._side = _side(found)
        self._mean, self._deviation = _colours(found)

    def __call__(self, images: Tensor) -> Tensor:
        """Return features of pictures in [-1, 1]; (B, 3, H, W) -> (B, D), float32, on the CPU."""
        x = (resize(images, self._side, "bicubic").clamp(-1, 1) + 1) / 2
        pixels = (x - self._mean) / self._deviation
        with torch.no_grad():
            return self._see(pixels.to(self._device)).float().cpu()


class PretrainedReader(Pretrained):
    """CLIP: it reads captions too, through the text room's door."""

    def read(self, captions: Sequence[str]) -> Tensor:
        """Return features of captions, cut to what the model takes; (B, D), on the CPU.

        An empty caption says nothing: its features are zeros.

        Raises:
            ConfigError: when the tokenizer's files are missing.
        """
        text = self._reader.encode(captions)
        ends = text.mask.sum(dim=1, keepdim=True)  # the pooled token stands last
        tokens = F.pad(text.tokens, (0, 0, 1, 0))  # and before the first one, nothing
        pooled = tokens.take_along_dim(ends[:, :, None], dim=1)[:, 0]
        with torch.no_grad():
            projected: Tensor = self._model.text_projection(pooled.to(self._device))
        return projected.float().cpu()

    @cached_property
    def _reader(self) -> TextEncoder:
        name, revision = self._found.name, self._found.revision
        config = ClipConfig(name=name, revision=revision, layer="last", pooled=True)
        return load_encoder(config, self._device)


def load_pretrained(name: str, device: torch.device | str = "cpu") -> Pretrained:
    """Load a DINOv2 or a CLIP.

    Args:
        name: ``dinov2``, ``clip``, a directory or a Hub name.
        device: where it computes.

    Raises:
        ConfigError: when it is not on this machine, damaged, or of another kind.
    """
    found = _find(name)
    kind = found.settings.get("model_type")
    if kind == "clip":
        clip = _loaded(found, "CLIPModel")
        del clip.text_model  # captions are read elsewhere

        def project(pixels: Tensor) -> Tensor:
            seen: Tensor = clip.visual_projection(clip.vision_model(pixels).pooler_output)
            return seen

        return PretrainedReader(found, clip, project, clip.config.projection_dim, device)
    if kind in ("dinov2", "dinov2_with_registers"):
        dino = _loaded(found, "AutoModel")
        return Pretrained(
            found,
            dino,
            lambda pixels: dino(pixels).last_hidden_state[:, 0],  # the class token, normed
            dino.config.hidden_size,
            device,
        )
    raise ConfigError(f"feature network {name!r}: is a {kind}; give a DINOv2 or a CLIP")


def _find(called: str) -> Found:
    name = SHORT_NAMES.get(called, called)
    directory = Path(called).expanduser()
    if called not in SHORT_NAMES and directory.is_dir():
        name = str(directory)
    local = True
    config = hub_file(name, "config.json", None, local=True)
    if config is None and not directory.is_dir() and "/" in name and is_hub_reachable():
        config, local = hub_file(name, "config.json", None, local=False), False
    looks = hub_file(name, "preprocessor_config.json", None, local=local)
    if config is None or looks is None:
        missing = "config.json" if config is None else "preprocessor_config.json"
        raise ConfigError(
            f"feature network {called!r}: no {missing} on this machine; bring {WANTED} of "
            f"{SHORT_NAMES.get(called, 'a DINOv2 or a CLIP')} and give their directory, or on a "
            f"machine with network run `hf download {name}`; `tiny` needs nothing"
        )
    revision = None if directory.is_dir() else config.parent.name
    return Found(called, name, _json(config), _json(looks), local, revision)


def _json(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        tree = None
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: is not a JSON object; bring the model's own")
    return tree


def _side(found: Found) -> int:
    """Return the side that pictures are brought to, all of them to a square."""
    sizes = (found.looks.get(key) for key in ("crop_size", "size"))
    for size in sizes:
        if isinstance(size, int):
            return size
        if isinstance(size, dict) and (side := size.get("height") or size.get("shortest_edge")):
            return int(side)
    raise ConfigError(
        f"feature network {found.called!r}: preprocessor_config.json names no size; "
        "bring the model's own"
    )


def _colours(found: Found) -> tuple[Tensor, Tensor]:
    """Return the mean and the deviation of colours in [0, 1] that pictures are brought to."""
    try:
        mean, deviation = (
            torch.tensor(found.looks[key], dtype=torch.float32).view(3, 1, 1)
            for key in ("image_mean", "image_std")
        )
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise ConfigError(
            f"feature network {found.called!r}: preprocessor_config.json names no image_mean and "
            "image_std of three colours; bring the model's own"
        ) from None
    return mean, deviation


def _loaded(found: Found, class_name: str) -> Any:
    """Run one of transformers' loaders, and turn what it says into one line."""
    import transformers

    try:
        with quiet_transformers():
            return getattr(transformers, class_name).from_pretrained(
                found.name, revision=found.revision, local_files_only=found.local
            )
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ConfigError(
            f"feature network {found.called!r}: cannot be loaded ({reason}); "
            f"{found.name} must hold {WANTED}"
        ) from None


def _identity(found: Found) -> str:
    """Return the commit on the Hub, or a hash of a directory's files; and the library's version."""
    if found.revision is not None:
        which = f"{found.name}@{found.revision}"
    else:
        digest = hashlib.sha256()
        for path in sorted(Path(found.name).glob("*")):
            if path.suffix in (".json", ".safetensors", ".bin"):
                with path.open("rb") as file:
                    content = hashlib.file_digest(file, "sha256").digest()
                digest.update(path.name.encode() + content)
        which = f"sha256:{digest.hexdigest()}"
    return f"{which} transformers {version('transformers')}"
