"""What a preparation is asked to do."""

from typing import Annotated, Literal

from pydantic import Field

from minimagen.config import config

Duplicates = Literal["near", "exact", "none"]
Keep = Literal["largest", "first"]
Empty = Literal["keep", "drop"]
Format = Literal["jpg", "png", "webp"]
Layout = Literal["shards", "folder"]


@config
class Preparation:
    """Which pictures are kept, and how they are written.

    Args:
        dataset: what is prepared, as for training.
        limit: take only the first so many items.
        min_side: shorter side below which a picture is left out, in pixels.
        max_aspect: longer over shorter side above which a picture is left out.
        min_words: fewest words of a caption that is not empty.
        max_words: most words of a caption.
        empty_captions: whether a picture without a caption stays; it would train as null text.
        duplicates: which ones are left out; ``near`` ones look alike, ``exact`` ones share every
            pixel.
        near_bits: how many of 64 bits of the perceptual hash may differ in near duplicates.
        keep: which of the pictures that look alike stays.
        join_captions: whether it gets the captions of those left out, as a list.
        size: shorter side of what is written, in pixels; smaller pictures stay as they are, and so
            do all when it is None.
        format: file format of what is written.
        quality: of JPEG and WebP, up to 100, which makes WebP lossless; PNG always is.
        layout: tar shards, or a folder with ``metadata.jsonl``.
        block_samples: most pictures of a shard, or of a subfolder.
        block_mb: most bytes of the samples in one, in units of 10^6; a larger sample gets its own.
    """

    dataset: str
    limit: Annotated[int, Field(ge=1)] | None = None
    min_side: Annotated[int, Field(ge=1)] = 1
    max_aspect: Annotated[float, Field(ge=1)] | None = None
    min_words: Annotated[int, Field(ge=0)] = 0
    max_words: Annotated[int, Field(ge=1)] | None = None
    empty_captions: Empty = "keep"
    duplicates: Duplicates = "near"
    near_bits: Annotated[int, Field(ge=0, le=16)] = 4
    keep: Keep = "largest"
    join_captions: bool = False
    size: Annotated[int, Field(ge=4, le=8192)] | None = None
    format: Format = "jpg"
    quality: Annotated[int, Field(ge=1, le=100)] = 95
    layout: Layout = "shards"
    block_samples: Annotated[int, Field(ge=1)] = 10_000
    block_mb: Annotated[float, Field(gt=0)] = 1000.0
