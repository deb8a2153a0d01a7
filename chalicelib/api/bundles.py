"""``/v1/accounts/{account}/catalog``: an account's documents as one bundle: planned, applied, exported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from chalice.app import Blueprint, Request, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from chalicelib.accounts import service as accounts
from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.api.kinds import KINDS, checked
from chalicelib.api.rights import guard, publisher_needs
from chalicelib.catalog import bundles, service, yaml_text
from chalicelib.catalog.service import Write
from chalicelib.catalog.snapshot import Key, Snapshot
from chalicelib.http.answers import Finding, http_errors, json_response
from chalicelib.http.bodies import parse_json, text_body
from chalicelib.http.budget import Budget
from chalicelib.http.queries import if_match, path_id, query_bool, query_text
from chalicelib.http.routes import Operation
from chalicelib.scenarios import publishing
from chalicelib.shared.errors import Conflict, InvalidInput, TodokuError, warned
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)

BUDGET = Budget(bytes=4 << 20)
YAML_BUDGET = Budget(bytes=4 << 20, values=100_000)
"""Reading a value costs twenty times what it costs in JSON; the whole stays below a second."""
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

    ``unpublished``: scenarios of the bundle that friends do not follow as they are in it, after the plan
    or the apply; ``published``: the versions that ``?publish=true`` has put in force, ``publish_failed`` why
    it could not. ``warnings``: by document, what works and was probably not meant. ``needs_publisher``: of a
    plan, what the asker may not apply, since it may reach friends.
    """

    revision: int
    created: int
    updated: int
    unchanged: int
    changes: list[BundleChange]
    warnings: dict[str, list[str]] = {}
    warning_details: dict[str, list[Finding]] = {}
    unpublished: list[str] = []
    published: dict[str, int] = {}
    publish_failed: str | None = None
    needs_publisher: list[Finding] = []


@bp.route(f"{_PATH}/plan", methods=["POST"], content_types=[JSON_TYPE, *YAML_TYPES])
@http_errors
def plan(account: str) -> Response:
    """``POST …/catalog/plan``: the differences that applying the bundle would make; changes nothing."""
    request = bp.current_request
    principal = require(request, "viewer", account)
    bundle = bundles.read(_bundle(request), KINDS)
    seen = service.snapshot(account)
    changes = bundles.plan(seen, bundle)
    candidate = service.candidate(seen, bundles.writes(seen, bundle))
    checked(account, qualified=True)(candidate)
    left = _unpublished(bundle, candidate)
    answer = _answer(seen.revision, changes) | _warnings(bundle, candidate) | left
    return json_response(answer | publisher_needs(principal, seen, candidate))


@bp.route(f"{_PATH}/apply", methods=["POST"], content_types=[JSON_TYPE, *YAML_TYPES])
@http_errors
def apply(account: str) -> Response:
    """``POST …/catalog/apply``: make the catalog hold the bundle, all of it or nothing.

    With ``?publish=true`` its scenarios are put in force afterwards.
    """
    request = bp.current_request
    publishes = query_bool(request, "publish")
    principal = require(request, "publisher" if publishes else "editor", account)

    def run() -> Response:
        bundle = bundles.read(_bundle(request), KINDS)
        match = if_match(request)
        changes: list[bundles.Change] = []
        warnings: dict[str, Any] | None = None

        def writes(seen: Snapshot) -> Sequence[Write]:
            nonlocal changes
            if match is not None and match != seen.revision:
                raise Conflict(
                    Reason("catalog_moved_on", is_now=seen.revision, given=match),
                    current_revision=seen.revision,
                )
            changes = bundles.plan(seen, bundle)
            return bundles.writes(seen, bundle)

        def check(fresh: Snapshot) -> None:
            # Before anything is written: what is saved is also answered.
            nonlocal warnings
            checked(account, qualified=True)(fresh)
            warnings = _warnings(bundle, fresh)

        accounts.audit(account, principal.who, "catalog.apply", "catalog")
        saved = service.save(account, writes, guard(principal, account, check), principal.who)
        if warnings is None:
            warnings = _warnings(bundle, saved)
        published = _publish(account, bundle, principal.who) if publishes else {}
        left = _unpublished(bundle, service.snapshot(account) if publishes else saved)
        return json_response(_answer(saved.revision, changes) | warnings | left | published)

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
        raise InvalidInput.at("format", Reason("must_be_json_or_yaml"))
    seen = service.snapshot(account)
    key = _of(query_text(request, "of"))
    value = bundles.export(seen, list(KINDS)) if key is None else bundles.part(seen, KINDS, key)
    if wanted == "json":
        return json_response(value)
    return Response(body=yaml_text.write(value), headers={"Content-Type": "application/yaml; charset=utf-8"})


def _of(text: str | None) -> Key | None:
    """The document that ``?of=kind/id`` names. Raises InvalidInput."""
    if text is None:
        return None
    kind, _, id_ = text.partition("/")
    if kind not in KINDS:
        raise InvalidInput.at("of", Reason("must_be_one_of", choices=[f"{kind}/<id>" for kind in KINDS]))
    return kind, path_id(id_, "of")


def _bundle(request: Request) -> Any:
    text = text_body(request, BUDGET.bytes)
    media_type = str(request.headers.get("content-type", JSON_TYPE)).lower()
    if "yaml" in media_type and not text.lstrip().startswith("{"):
        return yaml_text.read(text, YAML_BUDGET)
    try:
        return parse_json(text, BUDGET)
    except InvalidInput:
        if "yaml" in media_type:
            return yaml_text.read(text, YAML_BUDGET)
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
    found: dict[str, Any] = {}
    for kind, id_ in sorted(bundle):
        for part, warning in warned(KINDS[kind].warn(id_, catalog)).items():
            found.setdefault(part, {})[f"{kind}.{id_}"] = warning
    return found


def _scenarios(bundle: bundles.Bundle) -> list[str]:
    return sorted(id_ for kind, id_ in bundle if kind == "scenarios")


def _unpublished(bundle: bundles.Bundle, catalog: Snapshot) -> dict[str, Any]:
    """The bundle's scenarios that friends do not follow as they are drafted, when there are any."""
    left = publishing.unpublished(catalog, _scenarios(bundle))
    return {"unpublished": left} if left else {}


def _publish(account: str, bundle: bundles.Bundle, by: str) -> dict[str, Any]:
    """Put the bundle's scenarios in force. The documents are saved: what cannot be published now is reported,
    and applying the bundle again goes on from there.
    """
    try:
        published = publishing.put_in_force(account, _scenarios(bundle), by)
    except TodokuError as error:
        return {"published": {}, "publish_failed": error.message}
    for scenario, version in published.items():
        accounts.audit(account, by, "scenario.publish", f"scenarios/{scenario}@{version}")
    return {"published": published}


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
        query={"publish": "true: put the bundle's scenarios in force too (needs a publisher)"},
        media_types=(JSON_TYPE, "application/yaml"),
    ),
    Operation(
        "GET",
        f"{_PATH}/export",
        "Everything authored, as one bundle",
        "viewer",
        None,
        Bundle,
        query={
            "format": "json (as it is without) or yaml",
            "of": "scenarios/welcome: that document alone, with every document that it needs",
        },
    ),
]
