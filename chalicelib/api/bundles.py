"""``/v1/accounts/{account}/catalog``: an account's documents as one bundle: planned, applied, exported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from chalice.app import Blueprint, Request, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.api.kinds import KINDS, checked
from chalicelib.catalog import bundles, service, yaml_text
from chalicelib.catalog.service import Write
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.shared.bodies import parse_json
from chalicelib.shared.errors import Conflict, Detail, InvalidInput
from chalicelib.shared.http import Operation, http_errors, if_match, json_response, query_text, text_body

bp = Blueprint(__name__)

MAX_BUNDLE_BYTES = 4 << 20
JSON_TYPE = "application/json"
YAML_TYPES = ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"]
_PATH = "/v1/accounts/{account}/catalog"

_FIELDS: dict[str, Any] = {
    kind.replace("-", "_"): (dict[str, owned.model] | None, Field(default=None, alias=kind))  # type: ignore[name-defined]
    for kind, owned in KINDS.items()
}
Bundle: type[BaseModel] = create_model("Bundle", __config__=ConfigDict(extra="forbid"), **_FIELDS)


class Difference(BaseModel):
    """One field that differs; a side on which it is missing is left out."""

    path: str
    before: Any = None
    after: Any = None


class BundleChange(BaseModel):
    """What happens to one document."""

    kind: str
    id: str
    action: Literal["create", "update"]
    diff: list[Difference]


class BundleChanges(BaseModel):
    """What a bundle changes, or has changed; ``revision``: the catalog's, before (plan) or after (apply).

    ``warnings``: by document, what works and was probably not meant.
    """

    revision: int
    created: int
    updated: int
    unchanged: int
    changes: list[BundleChange]
    warnings: dict[str, list[str]] = {}


@bp.route(f"{_PATH}/plan", methods=["POST"], content_types=[JSON_TYPE, *YAML_TYPES])
@http_errors
def plan(account: str) -> Response:
    """``POST …/catalog/plan``: the differences that applying the bundle would make; changes nothing."""
    request = bp.current_request
    require(request, "viewer", account)
    bundle = bundles.read(_bundle(request), KINDS)
    seen = service.snapshot(account)
    changes = bundles.plan(seen, bundle)
    candidate = service.candidate(seen, bundles.writes(seen, bundle))
    checked(account, qualified=True)(candidate)
    return json_response(_answer(seen.revision, changes) | _warnings(bundle, candidate))


@bp.route(f"{_PATH}/apply", methods=["POST"], content_types=[JSON_TYPE, *YAML_TYPES])
@http_errors
def apply(account: str) -> Response:
    """``POST …/catalog/apply``: make the catalog hold the bundle, all of it or nothing."""
    request = bp.current_request
    principal = require(request, "editor", account)

    def run() -> Response:
        bundle = bundles.read(_bundle(request), KINDS)
        match = if_match(request)
        changes: list[bundles.Change] = []
        warnings: dict[str, Any] | None = None

        def writes(seen: Snapshot) -> Sequence[Write]:
            nonlocal changes
            if match is not None and match != seen.revision:
                raise Conflict(
                    f"the catalog is at revision {seen.revision}, not {match}", current_revision=seen.revision
                )
            changes = bundles.plan(seen, bundle)
            return bundles.writes(seen, bundle)

        def check(fresh: Snapshot) -> None:
            # Before anything is written: what is saved is also answered.
            nonlocal warnings
            checked(account, qualified=True)(fresh)
            warnings = _warnings(bundle, fresh)

        saved = service.save(account, writes, check, principal.who)
        if warnings is None:
            warnings = _warnings(bundle, saved)
        return json_response(_answer(saved.revision, changes) | warnings)

    return once(request, principal, run)


@bp.route(f"{_PATH}/export", methods=["GET"])
@http_errors
def export(account: str) -> Response:
    """``GET …/catalog/export``: everything authored as one bundle, JSON or (``?format=yaml``) YAML."""
    request = bp.current_request
    require(request, "viewer", account)
    accepts = str(request.headers.get("accept", ""))
    wanted = query_text(request, "format", "yaml" if "yaml" in accepts else "json")
    if wanted not in {"json", "yaml"}:
        raise InvalidInput("format: must be json or yaml", [Detail("format", "must be json or yaml")])
    value = bundles.export(service.snapshot(account), list(KINDS))
    if wanted == "json":
        return json_response(value)
    return Response(body=yaml_text.write(value), headers={"Content-Type": "application/yaml; charset=utf-8"})


def _bundle(request: Request) -> Any:
    text = text_body(request, MAX_BUNDLE_BYTES)
    media_type = str(request.headers.get("content-type", JSON_TYPE)).lower()
    if "yaml" in media_type and not text.lstrip().startswith("{"):
        return yaml_text.read(text)
    try:
        return parse_json(text)
    except InvalidInput:
        if "yaml" in media_type:
            return yaml_text.read(text)
        raise


def _answer(revision: int, changes: Sequence[bundles.Change]) -> dict[str, Any]:
    counts = Counter(change.action for change in changes)
    return {
        "revision": revision,
        "created": counts["create"],
        "updated": counts["update"],
        "unchanged": counts["unchanged"],
        "changes": [
            {"kind": change.kind, "id": change.id, "action": change.action, "diff": change.diff}
            for change in changes
            if change.action != "unchanged"
        ],
    }


def _warnings(bundle: bundles.Bundle, catalog: Snapshot) -> dict[str, Any]:
    """What saving each document by itself would warn of, when there is anything."""
    told = {f"{kind}.{id_}": list(KINDS[kind].warn(id_, catalog)) for kind, id_ in sorted(bundle)}
    found = {name: warnings for name, warnings in told.items() if warnings}
    return {"warnings": found} if found else {}


OPERATIONS = [
    Operation(
        "POST",
        f"{_PATH}/plan",
        "What applying a bundle would change",
        "viewer",
        Bundle,
        BundleChanges,
        media_types=(JSON_TYPE, "application/yaml"),
    ),
    Operation(
        "POST",
        f"{_PATH}/apply",
        "Apply a bundle, all or nothing",
        "editor",
        Bundle,
        BundleChanges,
        media_types=(JSON_TYPE, "application/yaml"),
    ),
    Operation(
        "GET",
        f"{_PATH}/export",
        "Everything authored, as one bundle",
        "viewer",
        None,
        Bundle,
        query={"format": "json (as it is without) or yaml"},
    ),
]
