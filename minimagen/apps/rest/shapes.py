"""What OpenAI's image clients send, read as a request to draw; and what they are answered."""

import re
from typing import Annotated, Any, Literal

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from minimagen.apps.history import Shot
from minimagen.apps.requests import (
    MAX_EACH,
    Caption,
    DrawRequest,
    Guidance,
    ImageToImage,
    Inpaint,
    Name,
    Resample,
    Seed,
    Steps,
)
from minimagen.apps.runs import Run
from minimagen.apps.uploads import transparent_parts
from minimagen.aspect import HIGHEST, LOWEST
from minimagen.errors import UsageError

SizeName = Annotated[str, StringConstraints(pattern=r"^(auto|[1-9]\d{0,3}x[1-9]\d{0,3})$")]
Count = Annotated[int, Field(ge=1, le=MAX_EACH)]
Ignored = Annotated[str, StringConstraints(max_length=200)]


class _Asked(BaseModel):
    """What generating and editing have in common."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    prompt: Caption = Field(description="what the pictures show")
    model: Name | None = Field(None, description="a run's name; one of /v1/models")
    n: Count | None = Field(None, description="how many pictures")
    size: SizeName | None = Field(None, description="auto, or a stage's size as 256x256")
    response_format: Literal["url", "b64_json"] | None = Field(
        None, description="b64_json unless url is asked for"
    )
    output_format: Literal["png"] | None = Field(None, description="pictures are PNG")
    quality: Ignored | None = Field(None, description="not looked at")
    background: Ignored | None = Field(None, description="not looked at")
    user: Ignored | None = Field(None, description="not looked at")
    stream: Literal[False] | None = Field(None, description="not offered; see /v1/jobs")
    seed: Seed | None = Field(None, description="fixes all draws; 0 unless given")
    negative_prompt: Caption | None = Field(None, description="what to steer away from")
    sampler: Name | None = Field(None, description="of all stages")
    steps: Steps | None = Field(None, description="of the sampler, at all stages")
    guidance_scale: Guidance | None = Field(None, description="of all stages; 1 is off")

    def common(self, run: Run) -> dict[str, Any]:
        """Return the fields of a request to draw that do not depend on what is edited.

        Raises:
            UsageError: for a size that the run does not draw.
        """
        return {
            "run": run.name,
            "captions": (self.prompt,),
            "negative": self.negative_prompt,
            "images_per_caption": self.n or 1,
            "seed": self.seed or 0,
            "sampler": self.sampler,
            "steps": self.steps,
            "guidance_scale": self.guidance_scale,
            "size": _size(self.size, run),
        }


class GenerationBody(_Asked):
    """The body of ``POST /v1/images/generations``; what OpenAI does not know has a default."""

    style: Ignored | None = Field(None, description="not looked at")
    moderation: Ignored | None = Field(None, description="not looked at")
    aspect_ratio: Annotated[float, Field(ge=LOWEST, le=HIGHEST)] = Field(
        1.0, description="width over height; the area stays"
    )

    def asked(self, run: Run) -> DrawRequest:
        """Read it as a request to draw.

        Raises:
            UsageError: for a size that the run does not draw.
        """
        return DrawRequest(**self.common(run), aspect_ratio=self.aspect_ratio)


class EditForm(_Asked):
    """The form of ``POST /v1/images/edits``.

    Painted anew is what the mask shows fully transparent, or white where it has no transparency;
    without a mask, what the picture itself shows fully transparent. Without either the whole
    picture is drawn anew from a noised one, up to ``strength``.
    """

    image: UploadFile | None = Field(None, description="the picture")
    images: list[UploadFile] = Field(
        [], alias="image[]", max_length=1, description="the picture, as a list of one"
    )
    mask: UploadFile | None = Field(None, description="as large as the picture")
    input_fidelity: Ignored | None = Field(None, description="not looked at")
    strength: Annotated[float, Field(gt=0, le=1)] = Field(
        0.6, description="without a mask: how much is drawn anew"
    )
    resample: Resample = Field(1, description="with a mask: how often each step is taken")

    def picture(self) -> UploadFile:
        """Return the picture's file, however it was sent.

        Raises:
            UsageError: when there is none, or more than one.
        """
        sent = [*self.images, *([] if self.image is None else [self.image])]
        if len(sent) != 1:
            raise UsageError(f"image: {len(sent)} of them; send one")
        return sent[0]

    def asked(self, run: Run, image: bytes, mask: bytes | None) -> DrawRequest:
        """Read it as a request to draw.

        Args:
            run: what it is drawn with.
            image: content of the picture's file.
            mask: content of the mask's.

        Raises:
            UsageError: for pictures that cannot be used, and a size that the run does not draw.
        """
        return DrawRequest(**self.common(run), edit=self._edit(image, mask))

    def _edit(self, image: bytes, mask: bytes | None) -> Inpaint | ImageToImage:
        try:
            hole = transparent_parts(image if mask is None else mask)
        except ValueError as error:
            raise UsageError(f"{'image' if mask is None else 'mask'}: {error}") from None
        covered = mask if hole is None else hole
        if covered is None:
            return ImageToImage.model_validate({"picture": image, "strength": self.strength})
        return Inpaint.model_validate(
            {"picture": image, "mask": covered, "resample": self.resample}
        )


class Drawn(BaseModel):
    """One picture."""

    b64_json: str | None = Field(None, description="a PNG file, as base64")
    url: str | None = Field(None, description="where the PNG file is")
    revised_prompt: str | None = Field(None, description="prompts are never changed")
    seed: int = Field(description="with the number it fixes all draws")
    number: int = Field(description="likewise")


class ImagesBody(BaseModel):
    """The answer to generating and editing."""

    created: int = Field(description="seconds since 1970")
    data: list[Drawn]
    background: Literal["opaque"] = "opaque"
    output_format: Literal["png"] = "png"
    size: str = Field(description="as 256x256")


class Model(BaseModel):
    """One run on offer."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="seconds since 1970")
    owned_by: str = "minimagen"
    sizes: list[int] = Field(description="sides of the pictures it draws, in pixels")


class Models(BaseModel):
    """All runs on offer."""

    object: Literal["list"] = "list"
    data: list[Model]


def model_of(run: Run) -> Model:
    """Describe a run."""
    written = int((run.path / "parameters").stat().st_mtime)
    return Model(id=run.name, created=written, sizes=run.sizes)


def size_name(shot: Shot) -> str:
    """Name a picture's size as OpenAI does."""
    return f"{shot.width}x{shot.height}"


def file_path(shot: Shot) -> str:
    """Return the path below which a picture's file is served."""
    return f"/v1/files/{shot.entry}/{shot.index}.png"


def _size(name: str | None, run: Run) -> int | None:
    if name is None or name == "auto":
        return None
    width, height = map(int, re.findall(r"\d+", name))
    if width != height or width not in run.sizes:
        allowed = ", ".join(f"{side}x{side}" for side in run.sizes)
        raise UsageError(f"size: {name} is no stage's; choose auto or one of {allowed}")
    return width
