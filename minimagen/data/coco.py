"""MS-COCO's caption annotations: several captions for each picture.  arXiv:1504.00325."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from minimagen.data.captions import clean_caption
from minimagen.data.columns import ListPacker, Packer, Strings
from minimagen.data.listing import Fence, FilesBelow, Listing, Request
from minimagen.errors import DataError

PLACES = (".", "../val2017", "../train2017", "../images", "../val2014", "../train2014", "images")
MAX_BYTES = 2**32


def is_coco(request: Request) -> bool:
    """Recognise a JSON file."""
    return request.dataset.lower().endswith(".json")


def list_coco(request: Request) -> Listing:
    """List the annotated pictures, each with all its captions.

    Raises:
        DataError: for a file of another kind, or pictures that are not found.
    """
    path = request.path
    content = _read(path)
    captions = _captions_by_picture(path, content["annotations"])
    names, lists, problems = Packer(), ListPacker(), {}
    for number, (file_name, key) in enumerate(_pictures(path, content["images"])):
        if number == request.limit:
            break
        names.add(file_name)
        lists.add(captions.get(key) or [""])
        if key not in captions:
            problems[number] = "no caption"
    packed = names.packed()
    if not len(packed):
        raise DataError(f"{path}: names no pictures; bring a file of caption annotations")
    folder = _folder(request, packed)
    _keep_inside(path, folder, packed)
    kind = f"COCO captions, pictures in {folder}"
    return Listing(str(path), kind, packed, lists.packed(), FilesBelow(folder, packed), problems)


def _read(path: Path) -> dict[str, list[Any]]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path}: over {MAX_BYTES // 2**30} GiB; give caption annotations")
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path}: does not exist; give COCO's caption annotations") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error}); bring it anew") from None
    lists = [content.get(key) for key in ("images", "annotations")] if _is_object(content) else []
    if not lists or not all(isinstance(value, list) for value in lists):
        raise DataError(
            f"{path}: has no lists `images` and `annotations`; give COCO's caption annotations, or "
            "a table in .jsonl"
        )
    return dict(content)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _captions_by_picture(path: Path, annotations: list[Any]) -> dict[Any, list[str]]:
    found = defaultdict(list)
    for number, annotation in enumerate(annotations):
        match annotation:
            case {"image_id": int() | str() as key, "caption": str() as caption}:
                found[key].append(clean_caption(caption))
            case _:
                raise DataError(
                    f"{path}: annotations[{number}] is {annotation!r:.60}; each needs an image_id "
                    "and a caption (captions_*.json, not instances_*.json)"
                )
    return dict(found)


def _pictures(path: Path, images: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield file name and id of each picture, in order."""
    for number, image in enumerate(images):
        match image:
            case {"id": int() | str() as key, "file_name": str() as name} if _is_path(name):
                yield name, key
            case _:
                raise DataError(
                    f"{path}: images[{number}] is {image!r:.60}; each needs an id and a file_name"
                )


def _is_path(name: str) -> bool:
    return bool(name) and "\0" not in name


def _folder(request: Request, names: Strings) -> Path:
    """Find the directory of the pictures: as given, or one near by that has the first of them."""
    beside = request.path.parent
    if request.images is not None:
        return Path(request.images).expanduser()
    for place in PLACES:
        if (beside / place / names[0]).is_file():
            return (beside / place).resolve()
    raise DataError(
        f"{request.path}: {names[0]} is in none of {', '.join(PLACES)}; say where the pictures "
        "are, as --SET data.images=DIR"
    )


def _keep_inside(path: Path, folder: Path, names: Iterable[str]) -> None:
    fence = Fence(folder)
    for number, name in enumerate(names):
        if not fence.holds(name):
            raise DataError(
                f"{path}: images[{number}] is {name!r:.60}, outside {folder}; move it inside"
            )
