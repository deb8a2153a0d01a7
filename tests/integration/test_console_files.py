"""The console's files: served as built, under a strict policy, and missed with a sentence."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib.console import files
from chalicelib.shared.settings import settings
from tests.api_client import Api

NOBODY = Api(None)


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder that stands in for what the build makes."""
    monkeypatch.setattr(files, "DIST", tmp_path)
    return tmp_path


def test_an_unbuilt_console_is_503_with_a_sentence(dist: Path) -> None:
    """The API answers all the same; once built, the page is there without a new start."""
    error = NOBODY.refused(503, "GET", "/console")
    assert "make setup" in error["message"]
    NOBODY.refused(404, "GET", "/console/app-1.js")
    assert NOBODY.ok("GET", "/health")["status"] == "ok"
    (dist / "index.html").write_text("<p>")
    assert NOBODY.call("GET", "/console").status_code == 200


def test_the_page_is_not_kept_and_runs_nothing_but_our_files(dist: Path) -> None:
    """No inline script, no frame, no other site; the stage's prefix is written in."""
    (dist / "index.html").write_text(f'<script src="{files.PREFIX}/console/app.js"></script>')
    answer = NOBODY.call("GET", "/console", host="x.example")
    assert answer.headers["Cache-Control"] == "no-store"
    policy = answer.headers["Content-Security-Policy"]
    for rule in ("default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "connect-src 'self' "):
        assert rule in policy
    asked = re.search(r"connect-src 'self' ([^;]*)", policy)
    assert asked, "beside ourselves only the bucket, at addresses that are signed for one file"
    assert {urlsplit(one).hostname for one in asked[1].split()} == {
        f"{settings().bucket}.s3.amazonaws.com",
        f"{settings().bucket}.s3.{settings().region}.amazonaws.com",
    }
    assert "unsafe" not in policy
    assert "127.0.0.1" not in policy
    assert answer.body.decode() == '<script src="/console/app.js"></script>'
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_files_are_kept_for_a_year(dist: Path) -> None:
    """Their names hold a hash of what is in them."""
    (dist / "app-ABC123.js").write_text("let 届く")
    answer = NOBODY.call("GET", "/console/app-ABC123.js")
    assert answer.body.decode() == "let 届く"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "name", ["index.html", "..%2ffiles.py", "app.py", "%2e%2e", ".js", "a.b.c.js", "a.js.map"]
)
def test_nothing_else_is_served(dist: Path, name: str) -> None:
    """Flat names of scripts and styles only."""
    NOBODY.refused(404, "GET", f"/console/{name}")


@pytest.mark.parametrize(
    ("path", "prefix"),
    [("/api/console", "/api"), ("/console", ""), ("", ""), ("/a/b/console", ""), ('/"><x/console', "")],
)
def test_the_stage_s_prefix_is_what_precedes_the_path(path: str, prefix: str) -> None:
    """And nothing that could be markup."""
    asked = SimpleNamespace(context={"path": path}, path="/console")
    assert files.stage_prefix(asked) == prefix
