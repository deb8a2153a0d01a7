"""How soon the console is ready, and the first rows of a long list of friends are there, in Chromium.

    python -m benchmarks.console [friends]        100,000 without a number

Imports so many friends into the local platform and opens the home screen and the list of friends in a
browser with an empty cache: milliseconds from the request of the page to its first state, from the change of
the address to the first row, and how many rows are in the page while the list is scrolled. Once at once,
before there is a mirror (``unmirrored``), and five times after it is there. It takes minutes.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from chalicelib.local.client import until
from tests.e2e.platform import KEY, Platform

A = "/v1/accounts/shop"
SIZE, AT_ONCE, TIMES = 100_000, 40_000, 5
SOON_S = 2.0
READY = "main[data-state=ready]"
ROW = ".grid-row"


def fill(platform: Platform, friends: int) -> None:
    """An account with so many friends."""
    channel = {"channel_secret": "secret", "channel_access_token": "token"}
    platform.api.put(A, {"name": "bench", **channel})
    for begin in range(0, friends, AT_ONCE):
        lines = (f"U{n:032x},友だち{n}" for n in range(begin, min(friends, begin + AT_ONCE)))
        text = "user_id,display_name\n" + "\n".join(lines)
        job = platform.api.call("POST", f"{A}/friends/import", text, content_type="text/csv")["job_id"]
        until("an import", lambda job=job: platform.api.get(f"{A}/jobs/{job}")["state"] == "done", 3600, 1)


def wait_for_the_mirror(platform: Platform) -> None:
    """The first question has it made; until then the table is read."""

    def is_there() -> bool:
        began = time.monotonic()
        platform.api.post(f"{A}/friends/search", {"sort": "last_active", "limit": 1})
        return time.monotonic() - began < SOON_S

    until("the mirror", is_there, 1800, 5)


def measure(browser: Any, url: str) -> dict[str, float]:
    """One visit with nothing in the cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.request.post(url.replace("/console", "/v1/session"), data={"key": KEY})
    context.add_init_script("localStorage.setItem('todoku.signed', '1')")
    page = context.new_page()
    began = time.monotonic()
    page.goto(f"{url}#/shop/home")
    page.wait_for_selector("main[data-state=ready], main[data-state=empty]")
    ready = time.monotonic() - began
    began = time.monotonic()
    page.goto(f"{url}#/shop/friends")
    page.wait_for_selector(f"{READY} {ROW}")
    rows = time.monotonic() - began
    page.locator(".grid-body").hover()
    most = 0
    for _ in range(20):
        page.mouse.wheel(0, 1500)
        page.wait_for_timeout(50)
        most = max(most, page.locator(ROW).count())
    context.close()
    return {"ready_ms": 1000 * ready, "first_rows_ms": 1000 * rows, "dom_rows": most}


def main() -> int:
    """Measure five times, and state the medians."""
    from playwright.sync_api import sync_playwright

    friends = int(sys.argv[1]) if len(sys.argv) > 1 else SIZE
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        platform = Platform(Path(folder))
        platform.start(600)
        try:
            fill(platform, friends)
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            url = f"http://127.0.0.1:{platform.port}/console"
            first = measure(browser, url)
            wait_for_the_mirror(platform)
            found = [measure(browser, url) for _ in range(TIMES)]
            browser.close()
        finally:
            platform.stop()
    for name, value in first.items():
        print(f"unmirrored {name}: {value:.0f}")
    for name in found[0]:
        print(f"{name}: {statistics.median(one[name] for one in found):.0f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
