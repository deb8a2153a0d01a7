"""Trying rules without doing anything: what would an event change and cause?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chalicelib.accounts.service import get_account
from chalicelib.catalog import sealing
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.catalog.validation import normal_body
from chalicelib.engine.decide import decide
from chalicelib.engine.documents import KINDS, warn
from chalicelib.engine.program import program_of
from chalicelib.friends import activities, store
from chalicelib.gateways import clock, secrets
from chalicelib.shared.errors import Detail, InvalidInput, NotFound, RuleViolation
from chalicelib.shared.events import FriendEvent, event_key
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.storable import is_storable
from chalicelib.shared.times import iso, parse_iso


def dry_run(
    account_id: str,
    user_id: str,
    given: Mapping[str, Any],
    drafts: Mapping[str, Any] | None,
    *,
    only: bool = False,
) -> dict[str, Any]:
    """``{"rules", "changes", "effects"}`` as the activity of this event would have them.

    Decided on the friend as known now: limits that have been used up count as used up.
    """
    account = get_account(account_id)
    catalog = _with_drafts(snapshot(account_id), drafts or {}, only=only)
    sheet = store.load(account_id, account.shards, user_id)
    if sheet is None or sheet["status"] == "erased":
        raise NotFound(f"there is no friend {user_id}")
    event = _event(account_id, user_id, given)
    decision = decide(event, sheet, program_of(catalog, account.zone), clock.now())
    effects = [
        {**e, "status": "would_run" if e["status"] == "pending" else e["status"]} for e in decision.effects
    ]
    return {"rules": decision.rules, "changes": decision.changes, "effects": effects}


def standing(account_id: str, rule: str) -> dict[str, Any]:
    """Whether a rule is in force and what its author should know. Raises NotFound."""
    catalog = snapshot(account_id)
    body = catalog.get("rules", rule).body
    missing = [
        "a secret of call_webhook is not in this account's secret store: save the rule with it again"
        for name in sealing.references(body.get("then"))
        if secrets.find_secret(account_id, name) is None
    ]
    return {"enabled": body.get("enabled", True), "warnings": [*warn(rule, catalog), *missing]}


def _with_drafts(catalog: Snapshot, drafts: Mapping[str, Any], *, only: bool) -> Snapshot:
    kind = KINDS["rules"]
    documents = {key: d for key, d in catalog.documents.items() if not (only and key[0] == "rules")}
    for name, body in drafts.items():
        if not ID_PATTERN.match(name):
            raise InvalidInput(f"rules.{name}: is not an id", [Detail(f"rules.{name}", "is not an id")])
        normal = normal_body(kind, body, f"rules.{name}")
        documents["rules", name] = Document("rules", name, catalog.revision, normal, "")
    if drafts or only:
        catalog = Snapshot(catalog.account_id, catalog.revision, "draft", catalog.heads, documents)
    wrong = [
        Detail(f"rules.{name}.{reference.path}", f"there is no {reference.kind}/{reference.id}")
        for name in drafts
        for reference in kind.references(documents["rules", name].body)
        if not catalog.find(reference.kind, reference.id)
    ]
    for name in drafts if not wrong else ():
        checks = kind.check(name, documents["rules", name].body, catalog)
        wrong += [replace(detail, path=f"rules.{name}.{detail.path}") for detail in checks]
    if wrong:
        raise RuleViolation(f"{wrong[0].path}: {wrong[0].message}", wrong)
    return catalog


def _event(account_id: str, user_id: str, given: Mapping[str, Any]) -> FriendEvent:
    if (given.get("event_id") is None) is (given.get("type") is None):
        reason = "needs either event_id (an event that happened) or type"
        raise InvalidInput(f"event: {reason}", [Detail("event", reason)])
    props = given.get("props") or {}
    at = iso(_moment(given["at"])) if given.get("at") else iso(clock.now())
    kind = given.get("type")
    if given.get("event_id") is not None:
        activity = activities.find(account_id, user_id, given["event_id"])
        if activity is None:
            raise NotFound(f"there is no event {given['event_id']} of friend {user_id}")
        kind, props, at = activity["type"], activity["props"], activity["at"]
    elif not is_storable(props):
        raise InvalidInput("event.props: cannot be stored", [Detail("event.props", "cannot be stored")])
    token = "dry-run" if kind in {"messaged", "postback", "followed"} else None
    return FriendEvent(
        "dry-run", account_id, user_id, str(kind), at, event_key(str(kind), props), props, reply_token=token
    )


def _moment(text: str) -> Any:
    try:
        return parse_iso(text)
    except ValueError as error:
        raise InvalidInput(f"event.at: {error}", [Detail("event.at", str(error))]) from error
