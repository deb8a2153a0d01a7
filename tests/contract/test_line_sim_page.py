"""The phone page: served whole, safe against what messages hold, and its words complete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.local.line.app import PAGE, application
from chalicelib.local.line.endpoints import ROUTES
from chalicelib.local.line.httpd import Application, Request
from chalicelib.local.line.simulator import Simulator

SCRIPTS = sorted(PAGE.glob("*.js"))
DANGEROUS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser"
    r"|createContextualFragment|setAttribute\(\s*[\"']on|javascript:"
)
HANDBOOK = Path(__file__).parents[2] / "docs" / "simulator.md"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    sim = Simulator(tmp_path, "http://127.0.0.1:9")
    yield application(sim)
    sim.close()


def get(app: Application, path: str) -> tuple[int, str, dict[str, str]]:
    response = app(Request("GET", path, {}, {}, b""))
    text = response.payload().decode() if response.status == 200 else ""
    return response.status, text, {**response.headers, "type": response.content_type}


def test_the_page_and_everything_it_names_is_served(app: Application) -> None:
    """index.html, its styles and scripts, and what the scripts import, are all there, and nothing foreign."""
    status, page, headers = get(app, "/")
    assert status == 200
    assert headers["type"].startswith("text/html")
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    names = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    for script in SCRIPTS:
        names |= {name.removeprefix("./") for name in re.findall(r'from "([^"]+)"', script.read_text())}
    assert names >= {script.name for script in SCRIPTS}, "a script that nobody loads"
    for name in names:
        status, _, headers = get(app, f"/{name}")
        assert status == 200, name
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_nothing_on_the_page_comes_from_elsewhere() -> None:
    """No script, style or font is fetched from another host."""
    for file in PAGE.iterdir():
        text = file.read_text()
        assert not re.search(r"""(src|href)=["']https?:|@import|url\(\s*["']?https?:""", text), file.name


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_text_can_become_markup(script: Path) -> None:
    """Messages are other people's words: nothing in the scripts turns text into elements or code."""
    assert not DANGEROUS.search(script.read_text())


def test_every_word_the_page_uses_exists_in_both_languages() -> None:
    """Japanese is whole; English has a word for each of them."""
    text = (PAGE / "words.js").read_text()
    japanese, english = (
        set(re.findall(r"^  (\w+): ", block, re.MULTILINE))
        for block in re.findall(r"const (?:JAPANESE|ENGLISH) = \{(.*?)\n\};", text, re.DOTALL)
    )
    used = {word for script in SCRIPTS for word in re.findall(r"\bwords\.(\w+)", script.read_text())}
    assert used - {"js"} <= japanese, "words.js is the file's own name"
    assert japanese == english


def test_files_outside_the_page_are_not_served(app: Application) -> None:
    """No way leads out of the folder, and nothing but pages, styles, scripts and icons is served."""
    for path in ("/../simulator.py", "/%2e%2e/simulator.py", "//etc/passwd", "/simulator.py", "/page"):
        assert get(app, path)[0] == 404, path


def test_pictures_replace_what_cannot_be_loaded(app: Application) -> None:
    """Avatars and scenes are SVG without script, whatever the name asked for."""
    for path in ("/_sim/avatars/U1.svg", "/_sim/pictures/<script>.svg", "/_sim/pictures/a.svg"):
        status, text, headers = get(app, path)
        assert status == 200
        assert headers["type"] == "image/svg+xml"
        assert "<script" not in text
        assert headers["Content-Security-Policy"] == "default-src 'none'"


def test_the_handbook_names_every_endpoint_of_the_simulator() -> None:
    """docs/simulator.md and the door hold the same list."""
    text = HANDBOOK.read_text()
    for route in ROUTES:
        assert f"`{route.method} {route.path}`" in text, f"{route.method} {route.path}"
    for method, path in re.findall(r"`(GET|PUT|POST|DELETE) (/_sim/[^`?]+)`", text):
        assert any(route.method == method and route.path == path for route in ROUTES), f"{method} {path}"
