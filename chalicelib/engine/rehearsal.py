"""Trying rules without doing anything: what would an event change and cause?

The friend is judged as known now. An event that happened is in there already: it is not counted again, and
what it took of limits is given back, so that the rules are judged on it as if for the first time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chalicelib.accounts.service import get_account
from chalicelib.catalog import sealing
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.catalog.validation import normal_body
from chalicelib.engine import replay
from chalicelib.engine.decide import decide
from chalicelib.engine.documents import KINDS, unknown_event, warn
from chalicelib.engine.program import program_of
from chalicelib.friends import activities, store
from chalicelib.friends.model import Sheet
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
    """``{"rules", "changes", "effects", "judged"}`` as the activity of this event would have them.

    Limits that other events have used up count as used up. Raises NotFound, InvalidInput, RuleViolation.
    """
    account = get_account(account_id)
    catalog = _with_drafts(snapshot(account_id), drafts or {}, only=only)
    program = program_of(catalog, account.zone)
    # The activity before the friend: what has one is in the sheet that is read after it.
    past = _past(account_id, user_id, given)
    sheet = store.load(account_id, account.shards, user_id)
    if sheet is None or sheet["status"] == "erased":
        raise NotFound(f"there is no friend {user_id}")
    event = _made_up(account_id, user_id, given) if past is None else _happened(account_id, user_id, past)
    counted = None if past is None else _counted(past, sheet)
    if counted is None:
        decision = decide(event, sheet, program, clock.now())
    else:
        returned = replay.give_back(sheet, counted, program)
        decision = decide(event, returned, program, clock.now(), counted=replay.counted(counted))
    effects = [
        {**e, "status": "would_run" if e["status"] == "pending" else e["status"]} for e in decision.effects
    ]
    judged = {"friend": "now", "event": "counted for this test" if counted is None else "counted already"}
    return {"rules": decision.rules, "changes": decision.changes, "effects": effects, "judged": judged}


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


def _past(account_id: str, user_id: str, given: Mapping[str, Any]) -> dict[str, Any] | None:
    """The activity of the event that is asked about; None when it is one made up. Raises NotFound."""
    event_id, kind = given.get("event_id"), given.get("type")
    if (event_id is None) is (kind is None):
        reason = "needs either event_id (an event that happened) or type"
        raise InvalidInput(f"event: {reason}", [Detail("event", reason)])
    if event_id is None:
        return None
    activity = activities.find(account_id, user_id, event_id)
    if activity is None:
        raise NotFound(f"there is no event {event_id} of friend {user_id}")
    if activity["type"] == activities.SENT:
        raise _wrong("event_id", f"{event_id} tells what was sent to the friend; rules look at events")
    return activity


def _counted(past: Mapping[str, Any], sheet: Sheet) -> Mapping[str, Any] | None:
    """What is known of an event that the sheet holds: its activity, or what is pending of it; None when it
    failed before the friend was written.
    """
    if past.get("state") != "failed":
        return past
    record = (sheet.get("pending") or {}).get(past["event_id"])
    return None if record is None else {**record["event"], **record}


def _happened(account_id: str, user_id: str, past: Mapping[str, Any]) -> FriendEvent:
    kind, props = past["type"], past.get("props") or {}
    key, source = past.get("key"), past.get("source", "line")
    event_id, at = past["event_id"], past["at"]
    return FriendEvent(event_id, account_id, user_id, kind, at, key, props, _token(kind), source)


def _made_up(account_id: str, user_id: str, given: Mapping[str, Any]) -> FriendEvent:
    kind, props = str(given["type"]), given.get("props") or {}
    unknown = unknown_event(kind)
    if unknown:
        raise _wrong("type", unknown)
    if not is_storable(props):
        raise InvalidInput("event.props: cannot be stored", [Detail("event.props", "cannot be stored")])
    at = iso(_moment(given["at"])) if given.get("at") else iso(clock.now())
    key = event_key(kind, props)
    return FriendEvent("dry-run", account_id, user_id, kind, at, key, props, _token(kind))


def _token(kind: str) -> str | None:
    """As if the friend had just done it."""
    return "dry-run" if kind in {"messaged", "postback", "followed"} else None


def _wrong(name: str, why: str) -> RuleViolation:
    return RuleViolation(f"event.{name}: {why}", [Detail(f"event.{name}", why)])


def _moment(text: str) -> Any:
    try:
        return parse_iso(text)
    except ValueError as error:
        raise InvalidInput(f"event.at: {error}", [Detail("event.at", str(error))]) from error
