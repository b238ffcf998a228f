"""A server under load and under attack: what it answers, what memory it takes, what it draws.

    python -m benchmarks.serving -d training_<TIMESTAMP>

It is the real command in a process of its own, with four pictures at a time. The run's first stage
draws. Pictures are compared with those that ``inference.py`` draws with the same seeds and batch
size.
"""

import argparse
import base64
import io
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

import inference
from benchmarks.record import print_table, save
from minimagen.apps.runs import Run

BATCH, STEPS, CAPTION = 4, 2, "a red circle"
ROUNDS = 5  # of all attacks
COMPARED = 3  # requests of each kind
REQUESTS, AT_ONCE = 200, 20
LONGEST_S = 300
SIZE = 30_000_000  # bytes of an attack
FORM = b'--x\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n\r\n'
END = b"\r\n--x--\r\n"


@dataclass
class Server:
    """A server that was started by its command line."""

    process: "subprocess.Popen[str]"
    url: str

    def resident_mb(self) -> float:
        """Return the memory it holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1000

    def client(self) -> httpx.Client:
        """Return a client that waits for long."""
        return httpx.Client(base_url=self.url, timeout=LONGEST_S)


@contextmanager
def serving(run: Path, output: Path) -> Iterator[Server]:
    """Start the command on a free port; it is killed in the end."""
    flags = ["-d", str(run), "--port", "0", "-o", str(output), "-b", str(BATCH)]
    process = subprocess.Popen(
        [sys.executable, "-m", "minimagen", "serve", *flags], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        yield Server(
            process, next(re.findall(r"http\S+?(?=,)", ln)[0] for ln in lines if "http" in ln)
        )
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def ask(server: Server, size: int, seed: int, count: int) -> tuple[int, list[str]]:
    """Ask for some pictures of a seed; returns status and pictures, as base64."""
    body = {"prompt": CAPTION, "seed": seed, "n": count, "size": f"{size}x{size}", "steps": STEPS}
    with server.client() as client:
        answer = client.post("/v1/images/generations", json=body)
    drawn = answer.json()["data"] if answer.status_code == 200 else []
    return answer.status_code, [one["b64_json"] for one in drawn]


def load(server: Server, size: int) -> tuple[Counter[int], dict[int, list[str]], list[float]]:
    """Send many requests, some at once; returns statuses, pictures by seed, memory on the way."""
    statuses: Counter[int] = Counter()
    pictures: dict[int, list[str]] = {}
    memory: list[float] = []

    def one(seed: int) -> None:
        status, drawn = ask(server, size, seed, 1)
        statuses[status] += 1
        if drawn:
            pictures[seed] = drawn
        memory.append(server.resident_mb())

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, range(REQUESTS)))
    return statuses, pictures, memory


def difference(run: Path, size: int, pictures: dict[int, list[str]]) -> int:
    """Return how far pictures are from those of the command line at most, in steps of 255."""
    return max(_difference(run, size, seed, drawn) for seed, drawn in pictures.items())


def _difference(run: Path, size: int, seed: int, pictures: list[str]) -> int:
    with tempfile.TemporaryDirectory() as where:
        flags = f"-d {run} -s {size} -ni {len(pictures)} -b {len(pictures)} -ns {STEPS} -sd {seed}"
        words = [*flags.split(), "-c", CAPTION, "-o", where]
        made = inference.infer(inference.parse(words)) / "generated_images"
        own = [np.asarray(Image.open(made / f"image_{i}.png")) for i in range(len(pictures))]
    served = [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in pictures]
    return int(np.abs(np.stack(own).astype(int) - np.stack(served)).max())


def attacks(server: Server) -> dict[str, int]:
    """Return the status of each attack; 0 is a connection that was closed."""
    generate, edits, json = "/v1/images/generations", "/v1/images/edits", "application/json"
    nan = b'{"prompt": "red", "guidance_scale": NaN}'
    path = {"kind": "image_to_image", "picture": "/etc/passwd"}
    piece = b" " * 1_000_000
    with server.client() as client:

        def post(to: str, **sent: Any) -> int:
            return client.post(to, **sent).status_code

        return {
            "30 MB": post(generate, content=piece * 30),
            "30 MB in pieces, without a length": post(generate, content=iter([piece] * 30)),
            "30 MB in pieces, as a form": post(
                edits,
                content=iter([FORM, *[piece] * 30, END]),
                headers={"content-type": "multipart/form-data; boundary=x"},
            ),
            "a picture of 30 MB": post(
                edits, files={"image": ("x.png", bytes(SIZE))}, data={"prompt": "red"}
            ),
            "a caption of 100,000 characters": post(generate, json={"prompt": "x" * 100_000}),
            "NaN": post(generate, content=nan, headers={"content-type": json}),
            "a million pictures": post(generate, json={"prompt": "red", "n": 10**6}),
            "a path for a picture, as a form": post(
                edits, data={"prompt": "red", "image": "/etc/passwd"}
            ),
            "a path for a picture, as JSON": post(
                "/v1/jobs", json={"captions": ["red"], "edit": path}
            ),
            "half a request": _half_a_request(server),
        }


def rounds(server: Server) -> tuple[dict[str, int], list[float]]:
    """Attack again and again; returns the statuses and the memory held after each round."""
    statuses, memory = attacks(server), [server.resident_mb()]
    for _ in range(ROUNDS - 1):
        again = attacks(server)
        assert again == statuses, (again, statuses)
        memory.append(server.resident_mb())
    return statuses, memory


def slope(values: Sequence[float]) -> float:
    """Return by how much values grow from one to the next, as a least-squares line has it."""
    return float(np.polyfit(range(len(values)), values, 1)[0])


def _half_a_request(server: Server) -> int:
    url = httpx.URL(server.url)
    with socket.create_connection((url.host, url.port), timeout=LONGEST_S) as connection:
        connection.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9")
        answer = connection.recv(100)
    return int(answer.split()[1]) if answer else 0


def measure(path: Path) -> dict[str, Any]:
    """Serve a run, send it everything, kill it, start it again.

    Args:
        path: a training directory, or a saved cascade.
    """
    size = Run("run", path).sizes[0]
    with tempfile.TemporaryDirectory() as where:
        output = Path(where) / "served"
        with serving(path, output) as server:
            statuses, shared, memory = load(server, size)
            full = {seed: ask(server, size, seed, BATCH)[1] for seed in range(COMPARED)}
            before = server.resident_mb()
            attacked, after = rounds(server)
            with server.client() as client:
                served_next = client.get("/ready").status_code
        made = len(list((output / "history").glob("*/job.json")))
        with serving(path, output) as server, server.client() as client:
            again = client.get("/ready").status_code
            kept = len(list((output / "history").glob("*/job.json")))
        some = dict(list(shared.items())[:COMPARED])
        away = {"full_batches": difference(path, size, full)}
        away["shared_batches"] = difference(path, size, some)
    quarter = len(memory) // 4
    return {
        "requests": REQUESTS,
        "at_once": AT_ONCE,
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "memory_mb": {
            "second_quarter": round(max(memory[quarter : 2 * quarter]), 1),
            "last_quarter": round(max(memory[-quarter:]), 1),
            "before_attacks": round(before, 1),
            "after_each_round_of_attacks": [round(mb, 1) for mb in after],
            "a_round_after_the_first": round(slope(after), 2),
        },
        "attacks": attacked,
        "next_request": served_next,
        "killed": {"jobs_before": made, "jobs_after": kept, "ready": again},
        "steps_of_255_from_inference_py": away,
    }


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-d", type=Path, required=True, metavar="training_<TIMESTAMP>")
    results = measure(parser.parse_args().d)
    save("serving", "python -m benchmarks.serving -d training_<TIMESTAMP>", results)
    print_table(["what", "result"], [[name, value] for name, value in results.items()])


if __name__ == "__main__":
    main()
