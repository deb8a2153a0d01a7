"""Every screen in both languages: what docs/console.md says is there, and nothing serious is wrong."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import NAMES, A, Open, Shop, user
from tests.browser.look import role, see, state

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PAGE = (Path(__file__).parents[2] / "docs" / "console.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip().strip("`") for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| [a-z-]+ \| ", line) and not line.startswith("| screen ")
]
SCREENS = {row[0]: row[1:] for row in ROWS if row[1].startswith("#") or "/" in row[1] or row[1] == row[0]}
CONTROLS = [row for row in ROWS if row[0] in SCREENS and row[1:] != SCREENS[row[0]]]
TALLY = {"friend": f"friends/{user(1)}", "talk": f"chat/{user(1)}", "monitor": "broadcasts/shown"}


def test_the_page_is_read() -> None:
    """The tables of the page are found, every screen with at least one control."""
    assert len(SCREENS) >= 20
    assert len(CONTROLS) > 60
    assert {row[0] for row in CONTROLS} == set(SCREENS)


@pytest.fixture(scope="module", autouse=True)
def shown(shop: Shop) -> None:
    """A broadcast in draft to look at, and a conversation."""
    body = {"name": "見せる配信", "audience": {"everyone": True}, "message": "hours"}
    shop.api.put(f"{A}/broadcasts/shown", body)
    message = {"account": "shop", "message": {"type": "text", "text": "こんにちは"}}
    shop.sim.post(f"/_sim/friends/{user(1)}/message", message)


def arrive(page: Any, screen: str, language: str) -> None:
    """Another screen in the same page, once it is there: its own heading, no longer loading."""
    route = TALLY.get(screen, SCREENS[screen][0])
    if screen != "sign-in":
        page.goto(page.url.partition("#")[0] + f"#/shop/{route}")
    name = SCREENS[screen][1 if language == "ja" else 2]
    see(role(page, "heading", {"friend": NAMES[1], "monitor": "見せる配信"}.get(screen, name), level=1))
    state(page)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_each_screen_has_what_the_page_says(open_page: Open, language: str) -> None:
    """Heading and controls by role and accessible name."""
    signing = open_page(None, "sign-in", language=language)
    page = open_page("admin", "home", language=language)
    for screen in SCREENS:
        found = signing if screen == "sign-in" else page
        arrive(found, screen, language)
        for _, kind, *names in (row for row in CONTROLS if row[0] == screen):
            see(role(found, kind, names[0 if language == "ja" else 1]))


SERIOUS = {"serious", "critical"}


@pytest.mark.parametrize(("language", "width"), [("ja", 1280), ("en", 375)])
def test_no_screen_shuts_anybody_out(open_page: Open, language: str, width: int) -> None:
    """No serious finding of axe, nothing wider than the screen. ``SCREENSHOTS=folder`` keeps pictures."""
    from axe_playwright_python.sync_playwright import Axe

    signing = open_page(None, "sign-in", language=language, width=width)
    page = open_page("admin", "home", language=language, width=width)
    wrong: list[Any] = []
    for screen in SCREENS:
        found = signing if screen == "sign-in" else page
        arrive(found, screen, language)
        if folder := os.environ.get("SCREENSHOTS"):
            found.screenshot(path=f"{folder}/{screen}-{language}-{width}.png")
        for one in Axe().run(found).response["violations"]:
            if one["impact"] in SERIOUS:
                wrong.append((screen, one["id"], [node["html"][:160] for node in one["nodes"][:3]]))
        if not found.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"):
            wrong.append((screen, "wider than the screen"))
    assert wrong == []
