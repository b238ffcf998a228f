"""Fetch the two peers:  python -m benchmarks.peers.

They come into ``.peers`` beside the scripts, with what they need besides the packages of this
environment and without any of their own wishes: both would replace torch. They run on this
environment's torch, so every contender computes with the same one.
"""

import argparse
import subprocess
import sys

from benchmarks.peers.client import FOLDER

PACKAGES = (
    "minimagen==0.0.9",
    "imagen-pytorch==2.1.0",
    "beartype==0.23.1",
    "click==8.5.1",
    "einops-exts==0.0.4",
    "ema-pytorch==0.8.3",
    "lightning-utilities==0.15.3",
    "pytorch-warmup==0.2.0",
    "resize-right==0.0.2",
)


def main() -> int:
    """Fetch them and return pip's exit code."""
    argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__).parse_args()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
    code = subprocess.call([*pip, "--target", str(FOLDER), *PACKAGES])
    print(f"the peers are in {FOLDER}" if code == 0 else "pip could not fetch them, see above")
    return code


if __name__ == "__main__":
    sys.exit(main())
