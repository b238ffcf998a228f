"""What can be asked for: frozen records with bounds on every field.

The page, the REST interface and the history all speak in these. Whether a run has such a stage, or
a sampler of that name, shows when it is drawn; everything that can be told by the record is here.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from minimagen.apps.uploads import read_mask, read_picture, size_of, to_base64, to_mask
from minimagen.aspect import HIGHEST, LOWEST

MAX_CAPTION = 4000  # characters
MAX_CAPTIONS = 32
MAX_EACH = 10  # pictures of a caption
MAX_PICTURES = 64  # of one request
MAX_STEPS = 250
MAX_GUIDANCE = 100.0
MAX_SEED = 2**31 - 1
MAX_STAGES = 8


def _writable(text: str) -> str:
    """Replace what no file of text should hold."""
    return text.replace("\0", " ")


BASE64 = {"type": "string", "format": "byte", "description": "a picture file, as base64"}
Picture = Annotated[
    bytes,
    BeforeValidator(read_picture),
    PlainSerializer(to_base64, when_used="json"),
    WithJsonSchema(BASE64),
]
"""An RGB picture as PNG; given as bytes, base64 or a PIL image."""
Mask = Annotated[
    bytes,
    BeforeValidator(read_mask),
    PlainSerializer(to_base64, when_used="json"),
    WithJsonSchema(BASE64 | {"description": "white where to paint; a picture file, as base64"}),
]
"""White where to paint, as PNG; given as bytes, base64 or a PIL image."""

Caption = Annotated[str, StringConstraints(max_length=MAX_CAPTION), AfterValidator(_writable)]
Name = Annotated[str, StringConstraints(max_length=200)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Steps = Annotated[int, Field(ge=1, le=MAX_STEPS)]
Guidance = Annotated[float, Field(ge=0, le=MAX_GUIDANCE)]
Share = Annotated[float, Field(ge=0, le=1)]
Resample = Annotated[int, Field(ge=1, le=10)]
StageList = Field(min_length=1, max_length=MAX_STAGES)


class Record(BaseModel):
    """Frozen; unknown fields, infinities and NaN are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ImageToImage(Record):
    """Begin with a picture, noised up to a time in (0, 1]; small ones change little."""

    kind: Literal["image_to_image"] = "image_to_image"
    picture: Picture
    strength: Annotated[float, Field(gt=0, le=1)] = 0.6


class Inpaint(Record):
    """Paint what a mask covers; each step is taken ``resample`` times."""

    kind: Literal["inpaint"] = "inpaint"
    picture: Picture
    mask: Mask
    resample: Resample = 1

    @model_validator(mode="after")
    def _mask_fits(self) -> Self:
        own, its = size_of(self.mask), size_of(self.picture)
        if own != its:
            raise ValueError(
                f"the mask is {own[0]} x {own[1]} pixels and its picture {its[0]} x {its[1]}; "
                "make them the same size"
            )
        if not to_mask(self.mask).any():
            raise ValueError("the mask covers nothing; paint white what is to be drawn anew")
        return self


class Outpaint(Record):
    """Set a picture into a frame and paint around it.

    ``share`` is how much of the frame's sides the picture takes, ``place`` where its centre is in
    the free room, down and right.
    """

    kind: Literal["outpaint"] = "outpaint"
    picture: Picture
    share: Annotated[float, Field(ge=0.05, le=0.95)] = 0.6
    place: tuple[Share, Share] = (0.5, 0.5)
    resample: Resample = 1


class Upscale(Record):
    """Enlarge a picture by the stages that draw larger ones; of any ratio, which it keeps."""

    kind: Literal["upscale"] = "upscale"
    picture: Picture


class Vary(Record):
    """Draw near a picture: its noise turned towards that of other seeds.

    All pictures of the request are neighbours of one: that of its seed and first number. Picture i
    is turned towards seed ``seed + i``; ``amount`` 0 is the picture itself, 1 the other.
    """

    kind: Literal["vary"] = "vary"
    amount: Share = 0.3
    seed: Seed = 1


EDITS = (ImageToImage, Inpaint, Outpaint, Upscale, Vary)
Edit = Annotated[ImageToImage | Inpaint | Outpaint | Upscale | Vary, Field(discriminator="kind")]


class DrawRequest(Record):
    """One job: captions, how often each, and how they are drawn.

    Picture i is drawn from ``seed`` and the number ``first_number + i``, as ``inference.py`` does;
    so one picture of many can be drawn again on its own. ``sampler``, ``steps`` and
    ``guidance_scale`` are one value or one for each stage; None is the stage's own.
    """

    run: Name = ""
    """A run's name; the empty one is the first that is offered."""
    captions: Annotated[tuple[Caption, ...], Field(min_length=1, max_length=MAX_CAPTIONS)]
    negative: Caption | None = None
    images_per_caption: Annotated[int, Field(ge=1, le=MAX_EACH)] = 1
    seed: Seed = 0
    first_number: Annotated[int, Field(ge=0, le=MAX_SEED)] = 0
    sampler: Name | Annotated[tuple[Name, ...], StageList] | None = None
    steps: Steps | Annotated[tuple[Steps, ...], StageList] | None = None
    guidance_scale: Guidance | Annotated[tuple[Guidance, ...], StageList] | None = None
    size: Annotated[int, Field(ge=1, le=8192)] | None = None
    """Stop after the stage of this size in pixels."""
    aspect_ratio: Annotated[float, Field(ge=LOWEST, le=HIGHEST)] = 1.0
    weighted: bool = False
    """Whether ``(word:1.4)`` gives a word weight; else nothing in a caption is markup."""
    edit: Edit | None = None

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        if self.count > MAX_PICTURES:
            raise ValueError(
                f"{self.count} pictures are more than the {MAX_PICTURES} of one request; "
                "ask for fewer at a time"
            )
        return self

    @property
    def count(self) -> int:
        """How many pictures it asks for."""
        return len(self.captions) * self.images_per_caption

    def rows(self) -> list[tuple[str, int]]:
        """Return caption and number of each picture, in order."""
        each = [caption for caption in self.captions for _ in range(self.images_per_caption)]
        number, step = self.first_number, 0 if isinstance(self.edit, Vary) else 1
        return [(caption, number + step * i) for i, caption in enumerate(each)]


def sentence(errors: Sequence[Any]) -> str:
    """Say in one sentence what is wrong with a request: the first of pydantic's complaints.

    Args:
        errors: those of ``ValidationError.errors()``.
    """
    first = min(errors, key=_vagueness)
    place = ".".join(_fields(first)) or "the request"
    if first["type"] == "missing":
        return f"{place}: is missing"
    if first["type"] == "extra_forbidden":
        return f"{place}: is not known; leave it out"
    if first["type"] == "json_invalid":
        return "the request: is no JSON"
    message = first["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return f"{place}: {message[:1].lower()}{message[1:]}"


def _vagueness(error: Any) -> tuple[int, bool]:
    """Rank complaints: of a value that may be of two kinds each complains, one of them rightly."""
    return -len(_fields(error)), error["type"].endswith("_type")


def _fields(error: Any) -> list[str]:
    """Return where in the request a complaint is, without tags and kinds on the way."""
    tags = {"body", "query", "path", *(kind.model_fields["kind"].default for kind in EDITS)}
    parts = [part for part in error["loc"] if isinstance(part, int) or part.isidentifier()]
    return [str(part) for part in parts if part not in tags]
