"""A new user's path through the page in a real browser, at the width of a screen and of a phone."""

from importlib.util import find_spec

import pytest

from benchmarks.page_tour import SCREENS, Visitor, browsing, chromium, tour
from minimagen.apps.studio import Studio
from tests.apps.conftest import serving

NEEDED = ("playwright", "gradio")
MISSING = [name for name in NEEDED if find_spec(name) is None] + ["Chromium"] * (not chromium())


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(bool(MISSING), reason=f"the tour needs {', '.join(MISSING)}")
@pytest.mark.parametrize("screen", SCREENS)
def test_a_new_user_gets_through_without_an_error_or_a_request_elsewhere(
    studio: Studio, screen: str
) -> None:
    with serving(studio) as served, browsing() as browser:
        tour(Visitor(browser, f"{served.url}/", SCREENS[screen], lambda name, page: None))
