"""docs/not-yet.md is true: nothing that it lists exists, and it is found from the first pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app import app
from chalicelib.api.accounts import AccountIn
from chalicelib.api.kinds import KINDS
from chalicelib.broadcasts.documents import KIND as BROADCASTS
from chalicelib.conditions.language import LEAVES
from chalicelib.messages.vocabulary import Action

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "not-yet.md").read_text(encoding="utf-8")
LISTED = re.findall(r"^- `([^`]+)`", PAGE, re.MULTILINE)
ROUTES = [text for text in LISTED if re.match(r"[A-Z]+ /", text)]
UNDER_ACCOUNT = "/v1/accounts/{}"


def shape(path: str) -> str:
    """A path with its variables unnamed."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def existing() -> set[tuple[str, str]]:
    """Every method and path of the application."""
    return {(method, shape(path)) for path, methods in app.routes.items() for method in methods}


def section(title: str) -> list[str]:
    """What is listed under a heading."""
    body = PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^- `([^`]+)`", body, re.MULTILINE)


@pytest.mark.parametrize("route", ROUTES)
def test_a_listed_route_does_not_exist(route: str) -> None:
    """What has been built is taken off the page."""
    method, path = route.split(" ")
    found = existing()
    assert (method, shape(path)) not in found
    assert (method, UNDER_ACCOUNT + shape(path)) not in found


def test_the_page_s_routes_are_looked_for_where_they_would_be() -> None:
    """The comparison sees routes that do exist, in the page's way of writing them."""
    assert ("POST", UNDER_ACCOUNT + "/events") in existing()
    assert ("GET", UNDER_ACCOUNT + shape("/tags/{anything}")) in existing()
    assert ("GET", "/health") in existing()
    assert len(ROUTES) == len(re.findall(r"^- `(?:GET|POST|PUT|PATCH|DELETE) /", PAGE, re.MULTILINE))


def test_listed_words_do_not_exist() -> None:
    """Kinds, fields, actions and conditions likewise."""
    assert not KINDS.keys() & set(section("Kinds of documents"))
    assert not Action.model_fields.keys() & set(section("Actions"))
    assert not LEAVES.keys() & set(section("Conditions"))
    models = {kind: found.model for kind, found in KINDS.items()}
    models |= {"accounts": AccountIn, "broadcasts": BROADCASTS.model}
    for named in section("Fields of documents"):
        kind, field = named.split(".")
        assert field not in models[kind].model_fields, named


@pytest.mark.parametrize("page", ["README.md", "README.ja.md", "docs/api.md"])
def test_the_page_is_linked(page: str) -> None:
    """From where somebody begins to read."""
    assert "not-yet.md" in (ROOT / page).read_text(encoding="utf-8")
