"""A new user's path through the web page, in a browser:  python -m benchmarks.page_tour -d RUN.

Opens the page that ``python -m minimagen serve`` serves, at the width of a screen and of a phone:
types, draws, watches previews, stops one, reuses a seed, paints a mask and inpaints, enlarges,
varies, keeps a favourite, reloads, downloads, asks what the words did. Every step checks what came
of it. Writes screenshots to ``docs/pictures/`` and says how long each step took.

Needs playwright and a Chromium (``CHROMIUM`` names one that is not on the path).
"""

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.record import MEASURED, print_table

PICTURES = MEASURED.parent / "pictures"
SCREENS = {"screen": (1280, 900), "phone": (390, 844)}
KEPT = {
    "screen": ("drawing", "mask", "favourite", "words", "runs"),
    "phone": ("drawing", "mask", "history"),
}
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE_S = 180
LONG = "250"  # steps, so that there is time to stop
STILL = 4  # times in a row that something looks the same before it counts as finished
CAPTION = "a red circle"


def chromium() -> str | None:
    """Return where a Chromium is; None when there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@contextmanager
def serving(run: Path, output: Path, port: int) -> Iterator[str]:
    """Serve a run in a process of its own; gives the page's address."""
    command = [sys.executable, "-m", "minimagen", "serve", "-d", str(run), "--port", str(port)]
    process = subprocess.Popen([*command, "--output", str(output)])
    address = f"http://127.0.0.1:{port}/"
    try:
        _wait_for(address + "ready", process)
        yield address
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def browsing() -> Iterator[Any]:
    """Start a browser that asks nobody anything by itself."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """Somebody at the page, and what went wrong behind their back.

    Args:
        browser: playwright's.
        address: the page's.
        sides: of the window, width and height in pixels.
        keep: told of screenshots, by name.
    """

    def __init__(
        self, browser: Any, address: str, sides: tuple[int, int], keep: Callable[[str, Any], None]
    ) -> None:
        width, height = sides
        self.address, self.keep, self.is_narrow = address, keep, width < 640
        self.wrong: list[str] = []
        self.page = browser.new_page(viewport={"width": width, "height": height})
        self.page.set_default_timeout(PATIENCE_S * 1000)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("request", self._see)

    def open(self) -> None:
        """Come to the page, and find out what to do first."""
        self.page.goto(self.address)
        self.page.wait_for_selector("#caption textarea")
        self.sees("#draw-panel", "Write a caption and press Draw")

    def watches_and_stops(self) -> None:
        """Draw with many steps in the last stage, see a preview of each, and stop."""
        page, advanced = self.page, self.page.get_by_role("button", name="Advanced").first
        advanced.click()
        field = page.locator("[id^=draw-steps] input").last
        steps, count = field.input_value(), page.locator("#draw-each input[type=number]")
        field.fill(LONG)
        advanced.click()
        page.fill("#caption textarea", CAPTION)
        while True:
            page.keyboard.press("Control+Enter")
            page.wait_for_selector("#draw-panel .stage:last-child img")
            self._scrolls_to("draw")
            self.keep("drawing", page)
            page.wait_for_selector("#draw-stop:enabled, #draw-panel:has-text('Drew ')")
            page.keyboard.press("Escape")
            self.sees("#draw-panel", re.compile(r"Stopped\.|Drew "))
            if "Stopped." in page.inner_text("#draw-panel"):
                break
            count.fill("10")  # one small picture was done before a slow browser had told of the key
        count.fill("1")
        advanced.click()
        field.fill(steps)
        advanced.click()
        self._takes_the_smallest_size("draw")

    def draws(self, tab: str = "draw") -> bytes:
        """Press Draw and wait for another picture; returns its file."""
        shown = self.page.locator(f"#{tab}-pictures img")
        before = shown.first.get_attribute("src") if shown.count() else ""
        self.page.click(f"#{tab}-draw")
        another = f"#{tab}-pictures img:not([src='{before}'])"
        self.page.wait_for_selector(another)
        self.sees(f"#{tab}-panel", "Drew ")
        return self._file(f"#{tab}-pictures img")

    def reuses_a_seed(self) -> None:
        """Draw twice with one seed: the same picture, to the bit."""
        once = self.draws()
        seed = self.page.input_value("#draw-seed input")
        self.page.uncheck("#draw-fresh input")
        assert _pixels(self.draws()).tobytes() == _pixels(once).tobytes()
        assert self.page.input_value("#draw-seed input") == seed

    def keeps_a_favourite(self) -> None:
        """Press the star."""
        self.page.click("#draw-star")
        self.sees("#draw-star", "★")

    def paints_anew(self) -> None:
        """Paint over the middle and have it drawn anew: elsewhere nothing changes."""
        page, before = self.page, self._file("#draw-pictures img")
        page.click("#draw-edit")
        page.get_by_text("Drop a picture here").wait_for(state="hidden")
        canvas = page.locator("#editor canvas").first
        canvas.scroll_into_view_if_needed()
        self._stands_still(canvas)  # it is laid out in steps that nothing tells of
        box = canvas.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for row in (-30, 0, 30):
            page.mouse.move(x - 45, y + row)
            page.mouse.down()
            page.mouse.move(x + 45, y + row, steps=6)
            page.mouse.up()
        self.keep("mask", page)
        page.fill("#edit-caption textarea", "a blue square")
        self._takes_the_smallest_size("edit")
        changed = (_pixels(self.draws("edit")) != _pixels(before)).any(axis=-1)
        assert 0 < changed.mean() < 0.5, f"{changed.mean():.0%} of the pixels changed"
        self._scrolls_to("edit")
        self.keep("edited", page)

    def enlarges(self) -> None:
        """Take the picture to its largest size."""
        page, small = self.page, _pixels(self._file("#edit-pictures img")).shape
        page.click("#edit-enlarge")
        self.page.wait_for_selector("#edit-kind input[value=upscale]:checked")
        page.locator("#edit-size input").last.check()
        large = _pixels(self.draws("edit")).shape
        assert large[0] > small[0], (small, large)

    def varies(self) -> None:
        """Draw what is near the picture of the history that was drawn from a caption alone."""
        self.page.get_by_role("tab", name="Draw").click()
        self.page.click("#draw-vary")
        self.page.wait_for_selector("#edit-kind input[value=vary]:checked")
        self.draws("edit")

    def returns(self) -> None:
        """Reload: all pictures are there, the favourite too, with settings to load again."""
        page = self.page
        seed = page.input_value("#draw-seed input")
        page.reload()
        page.wait_for_selector("#caption textarea")
        page.get_by_role("tab", name="History").click()
        page.wait_for_selector("#history-pictures img")
        everything = page.locator("#history-pictures img").count()
        assert everything >= 2
        self.keep("history", page)
        page.locator("#history-which").get_by_text("Favourites").click()
        some = f"document.querySelectorAll('#history-pictures img').length < {everything}"
        page.wait_for_function(some)
        page.locator("#history-pictures img").first.click()
        self.sees("#history-facts", CAPTION)
        self.sees("#history-star", "★")
        self.keep("favourite", page)
        page.click("#history-load")
        page.wait_for_selector("#draw-draw", state="visible")
        page.wait_for_function(f"document.querySelector('#draw-seed input').value == '{seed}'")
        assert page.input_value("#caption textarea") == CAPTION

    def downloads(self) -> None:
        """Get everything as a zip file."""
        page = self.page
        page.get_by_role("tab", name="History").click()
        page.wait_for_selector("#history-pictures img")
        with page.expect_download() as download:
            page.click("#zip-all")
        names = zipfile.ZipFile(download.value.path()).namelist()
        assert any(name.endswith(".png") for name in names), names
        assert any(name.endswith("settings.json") for name in names), names

    def asks_what_words_did(self) -> None:
        """Look at the favourite: a sheet of its words, and one of its tokens."""
        page = self.page
        page.locator("#history-which").get_by_text("Favourites").click()
        page.locator("#history-pictures img").first.click()
        self.sees("#history-look-panel", "Not looked at yet")
        page.click("#history-look")
        self.sees("#history-look-panel", "yellow is most")
        for sheet in ("#history-look-words img", "#history-look-tokens img"):
            page.wait_for_selector(sheet)
            self._are_loaded(sheet)
        page.locator("#history-look-tokens img").scroll_into_view_if_needed()
        self.keep("words", page)

    def looks_at_runs(self) -> None:
        """See what the run is."""
        self.page.get_by_role("tab", name="Runs").click()
        self.sees("#runs-facts", "text encoder")
        self._are_loaded("#runs-plot img, #runs-grids img")
        self.keep("runs", self.page)

    def is_told_what_is_missing(self) -> None:
        """Ask for an edit without a picture: a sentence says what to do."""
        page = self.page
        page.reload()
        page.wait_for_selector("#caption textarea")
        page.get_by_role("tab", name="Edit").click()
        page.click("#edit-draw")
        self.sees("#edit-panel", "There is no picture yet")
        self.keep("sentence", page)

    def sees(self, where: str, text: str | re.Pattern[str]) -> None:
        """Wait until there is a text at a place."""
        self.page.locator(where, has_text=text).first.wait_for()

    def _are_loaded(self, where: str) -> None:
        """Wait until the pictures at a place are there whole; there may be none."""
        self.page.wait_for_function(
            "where => [...document.querySelectorAll(where)].every(one => one.complete)", arg=where
        )

    def _stands_still(self, part: Any) -> None:
        """Wait until a part of the page looks the same for a while."""
        before, alike = b"", 0
        while alike < STILL:
            self.page.wait_for_timeout(200)
            now = part.screenshot()
            before, alike = now, alike + 1 if now == before else 0

    def _scrolls_to(self, tab: str) -> None:
        """Go to where pictures appear."""
        where = f"#{tab}-panel" if self.is_narrow else "#head"
        self.page.locator(where).evaluate("element => element.scrollIntoView()")

    def _takes_the_smallest_size(self, tab: str) -> None:
        self.page.locator(f"#{tab}-size input").first.check()

    def _file(self, where: str) -> bytes:
        """Return the file of a picture that is shown."""
        address = self.page.locator(where).first.get_attribute("src")
        with urllib.request.urlopen(address) as answer:
            return answer.read()

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.wrong.append(f"console: {message.text}")

    def _see(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.wrong.append(f"asked another host: {request.url}")


STEPS = (
    Visitor.open,
    Visitor.watches_and_stops,
    Visitor.reuses_a_seed,
    Visitor.keeps_a_favourite,
    Visitor.paints_anew,
    Visitor.enlarges,
    Visitor.varies,
    Visitor.returns,
    Visitor.downloads,
    Visitor.asks_what_words_did,
    Visitor.looks_at_runs,
    Visitor.is_told_what_is_missing,
)


def tour(visitor: Visitor) -> dict[str, float]:
    """Take the whole path; returns how long each step took, in seconds.

    Raises:
        AssertionError: where something is not as it should be.
    """
    took = {}
    for step in STEPS:
        began = time.monotonic()
        step(visitor)
        took[step.__name__] = round(time.monotonic() - began, 1)
    assert not visitor.wrong, visitor.wrong
    return took


def main() -> None:
    """Take the tour at both widths."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-d", "--training-directory", type=Path, required=True)
    parser.add_argument("--port", type=int, default=7871)
    options = parser.parse_args()
    if chromium() is None:
        parser.error("no Chromium on the path; install one, or name it in $CHROMIUM")
    with (
        tempfile.TemporaryDirectory() as output,
        serving(options.training_directory, Path(output), options.port) as address,
        browsing() as browser,
    ):
        took = {
            name: tour(Visitor(browser, address, sides, _keeper(name)))
            for name, sides in SCREENS.items()
        }
    print_table(
        ("step", *(f"{name}, s" for name in took)),
        [
            (step.replace("_", " "), *(one[step] for one in took.values()))
            for step in took["screen"]
        ],
    )


def _keeper(name: str) -> Callable[[str, Any], None]:
    def keep(what: str, page: Any) -> None:
        if what not in KEPT[name]:
            return
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        shot.quantize(192).save(PICTURES / f"page_{name}_{what}.png", optimize=True)

    return keep


def _pixels(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until somebody answers."""
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise RuntimeError(f"{address}: nobody answers")


if __name__ == "__main__":
    main()
