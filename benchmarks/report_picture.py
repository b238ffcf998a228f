"""A report as a browser shows it:  python -m benchmarks.report_picture REPORT.html PICTURE.png.

Needs playwright and a Chromium, as ``benchmarks.page_tour`` does. Nothing is fetched: a report that
asked for anything else than itself would end this.
"""

import argparse
from pathlib import Path

from benchmarks.page_tour import browsing

WIDTH, HEIGHT = 1180, 1500  # of the window, in pixels


def main() -> None:
    """Open the page, see that nothing goes wrong, take a picture of its upper part or of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--all", action="store_true", help="the whole page, however long")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    wrong: list[str] = []
    with browsing() as browser:
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT},
            color_scheme="dark" if options.dark else "light",
        )
        page.on("console", lambda line: wrong.append(line.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: _note(request.url, wrong))
        page.goto(options.report.resolve().as_uri())
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > WIDTH:
            wrong.append(f"the page is {wide} px wide in a window of {WIDTH}")
        page.screenshot(path=str(options.picture), full_page=options.all)
    if wrong:
        raise SystemExit(f"{options.report}: " + "; ".join(wrong))


def _note(address: str, wrong: list[str]) -> None:
    if not address.startswith(("file:", "data:")):
        wrong.append(f"asks for {address}")


if __name__ == "__main__":
    main()
