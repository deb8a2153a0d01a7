"""The published contract: valid OpenAPI 3.1, exactly the routes that exist, and each asks for its role."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from app import app
from chalicelib.accounts.model import ROLES
from chalicelib.api import contract, documents
from chalicelib.api.kinds import PATH_NAMES
from chalicelib.conditions import schemas
from chalicelib.http import bodies
from chalicelib.http.routes import Operation
from tests.api_client import A_COUPON, Api, a_key, an_account, an_api

OPERATIONS = contract.declared(app.routes)
ROUTES = {(method, path) for path, methods in app.routes.items() for method in methods}


def path_of(operation: Operation, account: str) -> str:
    """The operation's path with an account and some other ids filled in."""
    return re.sub(r"{\w+}", "some-id", operation.path.replace("{account}", account))


def test_the_document_is_valid(cloud: None) -> None:
    """``GET /v1/openapi.json`` answers a valid OpenAPI 3.1 document without a key."""
    document = Api(None).ok("GET", "/v1/openapi.json")
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"] == "3.1.0"
    names = [o["operationId"] for methods in document["paths"].values() for o in methods.values()]
    assert len(set(names)) == len(names)


def test_every_route_is_declared_once_and_every_declaration_is_a_route() -> None:
    """Nobody adds a route without saying what it takes, answers and needs."""
    declared = [(operation.method, operation.path) for operation in OPERATIONS]
    assert sorted(declared) == sorted(ROUTES)


def test_siblings_in_paths_have_one_name() -> None:
    """API Gateway refuses two variables with different names at the same place of the tree."""
    names: dict[str, set[str]] = defaultdict(set)
    for _, path in ROUTES:
        parts = path.split("/")
        for index, part in enumerate(parts):
            if part.startswith("{"):
                names["/".join(parts[:index])].add(part)
    assert {place: found for place, found in names.items() if len(found) > 1} == {}


def test_an_id_that_a_route_would_hide_cannot_be_given(cloud: None) -> None:
    """A fixed word beside the ids of a kind (``/segments/count``) is refused as an id of that kind."""
    admin = an_api()
    base = an_account(admin)
    bodies: dict[str, dict[str, Any]] = {
        "segments": {"name": "x", "condition": {"everyone": True}},
        "rules": {"name": "x", "when": {"event": "followed"}, "then": []},
        "messages": {"name": "x", "messages": [{"type": "text", "text": "x"}]},
        "rich-menus": {"name": "x"},
        "forms": {"name": "x"},
        "coupons": A_COUPON,
    }
    beside = {tuple(path.split("/")[4:6]) for _, path in ROUTES if path.count("/") >= 5}
    hidden = {(kind, word) for kind, word in beside if kind in PATH_NAMES and not word.startswith("{")}
    assert {kind for kind, _ in hidden} <= set(bodies)
    for kind, word in hidden:
        paths = admin.paths(422, "POST", f"{base}/catalog/apply", {kind: {word: bodies[kind]}})
        assert [path.removesuffix(".id") for path in paths] == [f"{kind}.{word}"]


def test_every_route_asks_for_a_key_and_its_role(cloud: None) -> None:
    """Without a key 401; with a lesser role or another account's key 403; on an unknown account 404."""
    admin = an_api()
    an_account(admin, "shop")
    an_account(admin, "other")
    theirs = a_key(admin, "admin", "other")
    lesser = {role: a_key(admin, role, "shop") for role in ROLES}
    for operation in OPERATIONS:
        if operation.role is None:
            continue
        method, path = operation.method, path_of(operation, "shop")
        Api(None).refused(401, method, path)
        Api("unknown").refused(401, method, path)
        below = ROLES.index(operation.role) - 1
        if below >= 0:
            lesser[ROLES[below]].refused(403, method, path)
        if "{account}" in operation.path:
            theirs.refused(403, method, path)
            if (method, operation.path) != ("PUT", "/v1/accounts/{account}"):
                admin.refused(404, method, path_of(operation, "nowhere"))
            admin.refused(400, method, path_of(operation, "No-Id"))


def test_every_json_body_that_is_broken_is_refused(cloud: None) -> None:
    """Whatever takes a JSON body answers 400 in the contract's shape to what is none, and to a wrong type."""
    admin = an_api()
    an_account(admin, "shop")
    bodies: list[Any] = [b"{", b"\xff", b'"x"', b"[1]", b'{"no_such_field": NaN}', b'{"no_such_field_": 1}']
    for operation in OPERATIONS:
        if operation.role is None or operation.request is None:
            continue
        for body in bodies:
            answer = admin.call(operation.method, path_of(operation, "shop"), body)
            assert answer.status_code in {400, 404}, (operation.method, operation.path, body, answer.body)
            assert answer.json_body["error"]["message"]


def test_every_list_refuses_bad_pages(cloud: None) -> None:
    """A list answers 400 to a bad limit or cursor (404 when what it is about does not exist)."""
    admin = an_api()
    an_account(admin, "shop")
    lists = [operation for operation in OPERATIONS if "cursor" in (operation.query or {})]
    for operation in lists:
        for query in ("limit=0", "limit=201", "limit=x", "cursor=x", "cursor=%21%21"):
            answer = admin.call(operation.method, f"{path_of(operation, 'shop')}?{query}")
            expected = {400} if operation.path.count("{") == 1 else {400, 404}
            assert answer.status_code in expected, (operation.path, query, answer.body)
    assert len(lists) > 10


def test_every_route_is_in_the_written_contract() -> None:
    """docs/api.md names every path that exists; the documents of each kind are told once, with tags."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    for operation in OPERATIONS:
        path = operation.path.removeprefix("/v1/accounts/{account}") or operation.path
        if operation in documents.OPERATIONS and not path.startswith("/tags"):
            continue
        assert f"`{operation.method} {path}`" in page, (operation.method, path)


def test_every_pattern_has_a_sentence_with_an_example(cloud: None) -> None:
    """A text of the wrong form is told what is wanted, in words."""
    found: set[str] = set()
    todo: list[Any] = [Api(None).ok("GET", "/v1/openapi.json")["components"]]
    while todo:
        value = todo.pop()
        todo += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if isinstance(value, dict) and isinstance(value.get("pattern"), str):
            found.add(value["pattern"])
    found.remove(schemas.LENGTH["pattern"])  # of conditions, which say so themselves
    assert [pattern for pattern in found if not any(form in pattern for form in bodies.FORMS)] == []
