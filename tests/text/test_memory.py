"""A large encoder takes its memory while it embeds, and no longer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.conftest import ROOT
from tests.text.pretrained import SIZES

MEGABYTE = 2**20
SIZE = 200 * MEGABYTE
MEASURE = """
import json, sys
from pathlib import Path
from threading import Event, Thread

import torch

from minimagen.text.cache import embed_captions
from minimagen.text.encoders import T5Config
from minimagen.text.store import EmbeddingCache

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def embed(name):
    cache = EmbeddingCache(Path(sys.argv[3]))
    return embed_captions(T5Config(name=name), ["a red circle"], cache=cache)

def watch(peak, done):
    while not done.wait(0.005):
        peak[0] = max(peak[0], resident())

torch.set_num_threads(1)
embed(sys.argv[1])
before, peak, done = resident(), [0], Event()
watcher = Thread(target=watch, args=(peak, done))
watcher.start()
embed(sys.argv[2])
done.set()
watcher.join()
print(json.dumps({"before": before, "during": peak[0], "after": resident()}))
"""


def save_with_layers(directory: Path, spiece: bytes, hidden: int) -> None:
    """Save a T5 whose weights are nearly all in its six layers, which every caption reads."""
    from transformers import T5Config, T5EncoderModel

    settings = T5Config(**(SIZES | {"d_model": 512, "d_ff": hidden, "num_layers": 6}))
    with torch.device("meta"):
        model = T5EncoderModel(settings)
    model.to_empty(device="cpu")
    for weight in model.parameters():
        weight.data.fill_(0.01)
    model.save_pretrained(directory)
    (directory / "spiece.model").write_bytes(spiece)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_encoder_s_memory_is_given_back_before_training_starts(
    tmp_path: Path, spiece: bytes
) -> None:
    """Resident memory of a process of its own: a small encoder first, so that libraries are there.

    A quarter of the encoder is left to allocators and to what was imported late.
    """
    save_with_layers(tmp_path / "small", spiece, 16)
    save_with_layers(tmp_path / "large", spiece, SIZE // (4 * 6 * 2 * 512))
    arguments = [str(tmp_path / name) for name in ("small", "large", "cache")]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    measured = json.loads(done.stdout.splitlines()[-1])
    assert measured["during"] - measured["before"] > 0.9 * SIZE
    assert measured["after"] - measured["before"] < 0.25 * SIZE
