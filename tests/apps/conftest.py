"""A small untrained cascade on disk, a studio that draws with it, and a server on a real socket."""

import asyncio
import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import torch
from PIL import Image, ImageDraw

from minimagen import Imagen
from minimagen.apps.guard import Guard
from minimagen.apps.history import History
from minimagen.apps.rest.application import create_app
from minimagen.apps.runs import Runs
from minimagen.apps.server import Server, address_of, listen
from minimagen.apps.studio import Studio
from minimagen.cascade import CascadeConfig
from tests.conftest import cascade_of
from tests.tiny_runs import write_parameters

LONGEST_S = 60
SIZES = (16, 32)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cascade of two stages whose weights are all drawn; only read it."""
    where = tmp_path_factory.mktemp("served")
    config = CascadeConfig.read(write_parameters(where / "parameters", cascade_of(*SIZES)))
    made = Imagen.create(config)
    source = torch.Generator().manual_seed(0)
    for stage in made.stages:
        for parameter in stage.network.parameters():
            torch.nn.init.normal_(parameter, std=0.1, generator=source)
    made.save(where / "training_tiny")
    return where / "training_tiny"


@pytest.fixture
def make_studio(run: Path, tmp_path: Path) -> Iterator[Callable[..., Studio]]:
    """Return what opens studios on one history; they are closed in the end."""
    opened: list[Studio] = []

    def make(**options: object) -> Studio:
        opened.append(Studio(Runs([run]), History(tmp_path / "out"), device="cpu", **options))  # type: ignore[arg-type]
        return opened[-1]

    yield make
    for studio in opened:
        studio.close()


@pytest.fixture
def studio(make_studio: Callable[..., Studio]) -> Studio:
    return make_studio()


@dataclass(frozen=True)
class Served:
    """A server on a socket of this machine."""

    url: str
    guard: Guard
    studio: Studio

    def client(self, **options: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=LONGEST_S, **options)  # type: ignore[arg-type]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@contextmanager
def serving(studio: Studio, **options: object) -> Iterator[Served]:
    """Serve from a thread of this process."""
    taken = listen("127.0.0.1", 0)
    guard = create_app(studio, **options)  # type: ignore[arg-type]
    server = Server(guard)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[taken])))
    thread.start()
    try:
        yield Served(address_of(taken), guard, studio)
    finally:
        server.should_exit = True
        thread.join(LONGEST_S)


@pytest.fixture
def served(studio: Studio) -> Iterator[Served]:
    with serving(studio, page=False) as running:  # a page takes a second to lay out
        yield running


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    with served.client() as client:
        yield client


def until(happened: Callable[[], bool]) -> None:
    """Wait for something to happen."""
    deadline = time.monotonic() + LONGEST_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def picture_file(side: int = 40, mode: str = "RGB") -> bytes:
    """Return a PNG of a disc; with transparency, of one on nothing."""
    image = Image.new(mode, (side, side), "grey" if mode == "RGB" else (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((side // 4, side // 4, 3 * side // 4, 3 * side // 4), "red")
    return png(image)


def mask_file(side: int = 40) -> bytes:
    """Return a PNG whose right half is white."""
    mask = Image.new("L", (side, side))
    mask.paste(255, (side // 2, 0, side, side))
    return png(mask)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
