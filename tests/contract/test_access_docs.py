"""No role reaches more than docs/access.md says: the page's table is the routes' own, and is enforced."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app import app
from chalicelib.accounts.model import ROLES
from chalicelib.api import contract, documents
from tests.api_client import Api, a_key, an_account, an_api

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "access.md").read_text(encoding="utf-8")
OPERATIONS = [o for o in contract.declared(app.routes) if o.role is not None]
IN = "/v1/accounts/{account}"


def table() -> dict[tuple[str, str], str]:
    """(method, path) -> the least role, as the page says; what it says of kinds for each of them."""
    rows = re.findall(r"^\| `(\w+)` \| (`(?:GET|POST|PUT|PATCH|DELETE) .*) \|$", PAGE, re.MULTILINE)
    documented: dict[tuple[str, str], str] = {}
    for role, requests in rows:
        for method, path in re.findall(r"`([A-Z]+) ([^`]+)`", requests):
            whole = path if path.startswith("/v1") else IN + path
            assert (method, whole) not in documented
            documented[method, whole] = role
    of_kinds = {(o.method, o.path): "viewer" if o.method == "GET" else "editor" for o in documents.OPERATIONS}
    return documented | of_kinds


def test_the_page_says_the_least_role_of_every_request() -> None:
    """A new route, or another role of one, is written down, or this fails."""
    assert {(o.method, o.path): o.role for o in OPERATIONS} == table()


@pytest.mark.timeout(240)
def test_no_role_reaches_more_than_the_page_says(cloud: None) -> None:
    """Each role in the account, another account's admin, and keys for all, at every route: refused below the
    role of the page and in foreign accounts, and not refused by its role from there on."""
    admin = an_api()
    an_account(admin, "shop", shards=1)
    an_account(admin, "other", shards=1)
    chosen = [*((role, "shop") for role in ROLES), ("admin", "other"), ("viewer", None), ("publisher", None)]
    keys = {(role, of): a_key(admin, role, of) for role, of in chosen}
    wrong: list[object] = []
    for (method, path), least in table().items():
        target = re.sub(r"{\w+}", "some-id", path.replace("{account}", "shop"))
        for (role, of), key in keys.items():
            foreign = of == "other" and "{account}" in path
            allowed = ROLES.index(role) >= ROLES.index(least) and not foreign  # type: ignore[arg-type]
            status = _status(key, method, target)
            if (status == 403) is allowed:
                wrong.append((method, path, role, of, status))
    assert wrong == []


def _status(key: Api, method: str, path: str) -> int:
    """With a query that no route takes: whoever is allowed is refused for that, and nothing is done."""
    return key.call(method, f"{path}?no_such_parameter=1").status_code


def test_what_a_query_changes_of_the_role(cloud: None) -> None:
    """Publishing by a bundle, and waking rules by an import, are a publisher's whatever the body says."""
    admin = an_api()
    base = an_account(admin, shards=1)
    editor, publisher = a_key(admin, "editor", "shop"), a_key(admin, "publisher", "shop")
    bundle = {"tags": {"a": {"name": "a"}}}
    editor.ok("POST", f"{base}/catalog/apply", bundle)
    editor.refused(403, "POST", f"{base}/catalog/apply?publish=true", bundle)
    publisher.ok("POST", f"{base}/catalog/apply?publish=true", bundle)
    csv = "user_id\nU1\n"
    answer = editor.call("POST", f"{base}/friends/import?fire=true", csv, content_type="text/csv")
    assert answer.status_code == 403
    own = a_key(admin, "admin", "shop")
    own.ok("PUT", base, {"name": "shop"})
    own.refused(403, "PUT", "/v1/accounts/another", {"name": "x"})
    a_key(admin, "viewer", "shop").ok("GET", "/v1/status")
