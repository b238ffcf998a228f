"""The course of a contender: how long it trains, and what it draws on the way."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.ledger import Ledger
from benchmarks.peers.client import FOLDER, Worker
from benchmarks.peers.jury import Jury, Pictures
from benchmarks.record import MEASURED

SHOWN = 9  # of what each drew last
STATES = FOLDER / "states"  # what the peers had learnt at each moment

Point = dict[str, Any]


@dataclass(frozen=True)
class Course:
    """The course of a contender: what it is, and when it is looked at.

    Args:
        name: of the program.
        kind: of the process.
        settings: of the contender.
        moments: seconds of training at which it draws, rising.
        captions: that it draws then.
        besides: what else its points depend on.
    """

    name: str
    kind: str
    settings: dict[str, Any]
    moments: tuple[float, ...]
    captions: int
    besides: dict[str, Any] = field(default_factory=dict)

    def of(self, moment: float) -> dict[str, Any]:
        """Return what a point of it depends on."""
        named = {"name": self.name, "settings": self.settings, **self.besides}
        return {**named, "captions": self.captions, "seconds": moment}

    def known(self, ledger: Ledger) -> list[Point]:
        """Return the points that were measured."""
        keys = filter(ledger.knows, map(self.of, self.moments))
        return [ledger.measured(key, dict) for key in keys]

    def is_over(self, ledger: Ledger) -> bool:
        """Whether all its points are known, up to the last moment or to its own end."""
        known = self.known(ledger)
        return len(known) == len(self.moments) or bool(known and known[-1]["done"])

    def run(self, task: Path, jury: Jury, ledger: Ledger) -> None:
        """Train it to the last moment or to its own end, and look at it on the way."""
        if self.is_over(ledger):
            return
        with Worker(self.kind, task, self.settings) as worker:
            for moment, so_far in self._training(worker, 0.0, {"seconds": 0.0, "steps": 0}):
                self._note(moment, ledger, partial(self.look, worker, task, jury, so_far))

    def look(self, worker: Worker, task: Path, jury: Jury, so_far: Point) -> Point:
        """Let it draw, and judge that."""
        drawn = task / f"{worker.process.pid}.npy"
        cost = worker.ask("draw", count=self.captions, to=str(drawn))["processor"]
        pictures = np.load(drawn)
        strip(pictures[:SHOWN]).save(strip_path(self.name))
        found = {**so_far, "weights": worker.weights, "drawing": round(cost, 1)}
        return {**found, **jury.judge(pictures)}

    def _training(
        self, worker: Worker, reached: float, so_far: Point
    ) -> Iterator[tuple[float, Point]]:
        """Train on from a moment; yields the others, each with what was done until then."""
        for moment in self.moments:
            if moment <= reached:
                continue
            trained = worker.ask("train", seconds=moment - so_far["seconds"])
            so_far = {
                "seconds": round(so_far["seconds"] + trained["processor"], 1),
                "steps": so_far["steps"] + trained["steps"],
                "loss": trained["loss"],
                "done": trained["done"],
            }
            yield moment, so_far
            if trained["done"]:
                return

    def _note(self, moment: float, ledger: Ledger, look: partial[Point]) -> None:
        print(f"{self.name}: {ledger.measured(self.of(moment), look)}", flush=True)


class LongCourse(Course):
    """A peer's course: it goes on where it was interrupted, and draws beside its training."""

    def run(self, task: Path, jury: Jury, ledger: Ledger) -> None:
        """Train from the newest state on, and look at each moment's in a process of its own."""
        if self.is_over(ledger):
            return
        STATES.mkdir(parents=True, exist_ok=True)
        reached, so_far = self._newest(ledger)
        with ThreadPoolExecutor() as beside, Worker(self.kind, task, self.settings) as worker:
            if reached:
                worker.ask("load", path=str(self._state(reached)))
            looks = [
                beside.submit(self._look_at_state, moment, task, jury, ledger)
                for moment in self.moments
                if moment <= reached
            ]
            for moment, done in self._training(worker, reached, so_far):
                worker.ask("save", to=str(self._state(moment)))
                ledger.measured(self._trained(moment), lambda done=done: done)
                looks.append(beside.submit(self._look_at_state, moment, task, jury, ledger))
            for look in looks:
                look.result()

    def _look_at_state(self, moment: float, task: Path, jury: Jury, ledger: Ledger) -> None:
        if ledger.knows(self.of(moment)):
            return
        so_far = ledger.measured(self._trained(moment), dict)
        with Worker(self.kind, task, self.settings) as worker:
            worker.ask("load", path=str(self._state(moment)))
            self._note(moment, ledger, partial(self.look, worker, task, jury, so_far))

    def _newest(self, ledger: Ledger) -> tuple[float, Point]:
        """Return the last moment that was trained to, and what was done until then."""
        for moment in reversed(self.moments):
            if ledger.knows(self._trained(moment)) and self._state(moment).is_file():
                return moment, ledger.measured(self._trained(moment), dict)
        return 0.0, {"seconds": 0.0, "steps": 0}

    def _trained(self, moment: float) -> dict[str, Any]:
        return {"trained": self.settings, "seconds": moment}

    def _state(self, moment: float) -> Path:
        key = json.dumps(self._trained(moment), sort_keys=True)
        return STATES / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.pt"


def strip(pictures: Pictures) -> Image.Image:
    """Put pictures side by side."""
    return Image.fromarray(np.concatenate(pictures, axis=1))


def strip_path(name: str) -> Path:
    """Return the file of what a program drew last."""
    return MEASURED / f"time_to_quality_{name.replace(' ', '_')}.png"
