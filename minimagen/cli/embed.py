"""``python -m minimagen embed``: fill the cache of text embeddings, look at it, make it smaller."""

import argparse
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from minimagen.cli import train
from minimagen.cli.flags import Flag, parse_flags, whole
from minimagen.cli.leaving import leave_well
from minimagen.cli.shared import in_bytes
from minimagen.errors import UsageError

if TYPE_CHECKING:  # its imports cost seconds that --help need not wait for
    from minimagen.text.encoders import TextEncoderConfig

FILL, CACHE = "what is embedded", "what is in the cache"
SHARED = {"PARAMETERS", "T5_NAME", "MAX_NUM_WORDS", "SET", "DATASET", "DEVICE"}
UNITS = {"": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def share(text: str) -> tuple[int, int]:
    """Read which part of how many."""
    found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text)
    if not found or int(found[1]) > int(found[2]):
        raise ValueError("give which part of how many, as 3/8")
    return int(found[1]), int(found[2])


def size(text: str) -> int:
    """Read a number of bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(kB|MB|GB|TB|)", text)
    if not found:
        raise ValueError("give a size, as 10GB or 500MB")
    return int(float(found[1]) * UNITS[found[2]])


FLAGS = (
    *(flag for flag in train.FLAGS if flag.name in SHARED),
    Flag(
        "PROCESSES",
        "-n",
        FILL,
        "processes on this machine, each with an encoder of its own, on the GPUs in turn; "
        "default: 1",
        whole(1, 256),
    ),
    Flag(
        "SHARE",
        None,
        FILL,
        "embed this part alone, as 3/8: for several machines with one MINIMAGEN_CACHE; "
        "default: all",
        share,
    ),
    Flag("LIST", None, CACHE, "show what is there and leave", switch=True),
    Flag("EVICT", None, CACHE, "remove what was used longest ago until this fits, as 10GB", size),
    Flag("ENCODER", None, CACHE, "with --EVICT: of this encoder alone, as --LIST names it"),
)
EXAMPLES = """\
  python -m minimagen embed -p parameters -ds my_pictures -n 2
  python -m minimagen embed --evict 10GB"""


def embed(options: argparse.Namespace) -> None:
    """Do what a command line asks for.

    Raises:
        UsageError: for flags that do not go together.
        DataError: when there is no such data set.
        ConfigError: when the text encoder cannot be had.
        TrainingError: when a process dies, or the cache cannot be written.
    """
    if options.encoder is not None and options.evict is None:
        raise UsageError("--ENCODER: means nothing without --EVICT; give a size too, as --EVICT 0")
    if options.evict is not None:
        _evict(options.evict, options.encoder)
    elif not options.list:
        _fill(options)
    if options.list:
        print("\n".join(_listing()))


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    prog, about = "python -m minimagen embed", "Embed a data set's captions ahead of training."
    return leave_well(prog, lambda: embed(parse_flags(prog, about, FLAGS, EXAMPLES, argv)))


def _fill(options: argparse.Namespace) -> None:
    from tqdm import tqdm

    from minimagen.text.filling import fill, missing_captions
    from minimagen.text.store import EmbeddingCache

    config, captions = _captions(options)
    cache = EmbeddingCache()
    missing = missing_captions(config, captions, cache, options.share or (1, 1))
    print(f"cache: {cache.path}\ncaptions: {len(missing)} to embed")
    if not missing:
        return
    with tqdm(total=len(missing), desc="captions", unit="caption") as bar:
        for done in fill(config, missing, _devices(options)):
            bar.update(done)


def _captions(options: argparse.Namespace) -> "tuple[TextEncoderConfig, list[str]]":
    """Return the text encoder that the parameter files name, and the data set's captions."""
    from minimagen.cli.settings import new_run
    from minimagen.data.sources import open_source
    from minimagen.text.encoders import learned

    unused: dict[str, object] = {flag.name.lower(): None for flag in train.FLAGS}
    settings = new_run(argparse.Namespace(**(unused | vars(options))))
    stages = settings.cascade.imagen.stages
    source, _ = open_source(settings.training.data, check_size=stages[-1].size)
    config = settings.cascade.imagen.text_encoder
    if config is None:
        raise UsageError("embed: this cascade has no text encoder, so nothing is to be embedded")
    captions = [caption for number in range(len(source)) for caption in source.captions(number)]
    return learned(config, captions), captions


def _devices(options: argparse.Namespace) -> list[str]:
    """Return where each process computes: the named device, or the GPUs in turn."""
    import torch

    from minimagen.runtime import pick_device

    device, processes = str(pick_device(options.device)), options.processes or 1
    if options.device is None and device == "cuda":
        count = torch.cuda.device_count()
        return [f"cuda:{number % count}" for number in range(processes)]
    return [device] * processes


def _evict(limit: int, encoder: str | None) -> None:
    from minimagen.text.eviction import evict
    from minimagen.text.store import EmbeddingCache

    print(f"removed: {in_bytes(evict(EmbeddingCache(), limit, encoder))}")


def _listing() -> list[str]:
    from minimagen.text.eviction import list_held
    from minimagen.text.store import EmbeddingCache

    cache = EmbeddingCache()
    lines = [f"cache: {cache.path}", "encoder    captions      size  last used"]
    for held in list_held(cache):
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(held.used)) if held.used else "never"
        numbers = f"{held.captions:10}  {in_bytes(held.size):>8}  {used:16}"
        lines.append(f"{held.name[:8]} {numbers}  {held.identity}")
    return lines
