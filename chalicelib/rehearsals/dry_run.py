"""Trying rules without doing anything: what would an event change and cause?

The friend is judged as known now. An event that happened is in there already: it is not counted again, and
what it took of limits is given back, so that the rules are judged on it as if for the first time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.actions.model import Effect
from chalicelib.catalog.references import unresolved
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.catalog.validation import normal_body
from chalicelib.conditions import triggers
from chalicelib.deliveries import policies
from chalicelib.events.kinds import event_key, type_of
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.gateways import clock
from chalicelib.reaction.decide import decide
from chalicelib.reaction.effects import holding
from chalicelib.rehearsals import replay
from chalicelib.rules.compile import program_of
from chalicelib.rules.documents import DOCUMENTS
from chalicelib.shared.errors import Detail, InvalidInput, NotFound, RuleViolation
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.reasons import Reason, reason_of
from chalicelib.shared.storable import is_storable
from chalicelib.shared.times import iso, parse_iso
from chalicelib.timeline import service as activities
from chalicelib.timeline.views import line_of
from chalicelib.topics import consent


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
    program = program_of(catalog, account.zone, account.react_within)
    # The activity before the friend: what has one is in the sheet that is read after it.
    past = _past(account_id, user_id, given)
    sheet = friends.load(account_id, account.shards, user_id)
    if sheet is None or sheet["status"] == "erased":
        raise NotFound(Reason("no_friend", user=user_id))
    event = _made_up(account_id, user_id, given) if past is None else _happened(account_id, user_id, past)
    counted = None if past is None else _counted(past, sheet)
    if counted is None:
        decision = decide(event, sheet, program, clock.now())
    else:
        returned = replay.give_back(sheet, counted, program)
        decision = decide(event, returned, program, clock.now(), counted=replay.counted(counted))
    effects = [_would(account, catalog, decision.after, effect) for effect in decision.effects]
    judged = {"friend": "now", "event": "counted for this test" if counted is None else "counted already"}
    return {
        "rules": [line_of(line) for line in decision.rules],
        "changes": [line_of(line) for line in decision.changes],
        "effects": [line_of(line) for line in effects],
        "judged": judged,
    }


def _would(account: Account, catalog: Snapshot, sheet: Mapping[str, Any], effect: Effect) -> Effect:
    """What would come of an effect now: what policies hold back waits, until when is reported."""
    if effect["status"] != "pending":
        return effect
    if holding.is_push(effect):
        if consent.holds_back(sheet, effect, catalog):
            return {**effect, "status": "skipped", "why": "opted_out"}
        found = holding.ruling(policies.of_account(account, catalog), effect, clock.now())
        if found.kind == "hold":
            return {**effect, "status": "held", "why": found.reason, "until": iso(found.until)}
        if found.kind == "skip":
            return {**effect, "status": "skipped", "why": found.reason}
    return {**effect, "status": "would_run"}


def _with_drafts(catalog: Snapshot, drafts: Mapping[str, Any], *, only: bool) -> Snapshot:
    kind = DOCUMENTS["rules"]
    documents = {key: d for key, d in catalog.documents.items() if not (only and key[0] == "rules")}
    for name, body in drafts.items():
        if not ID_PATTERN.match(name):
            raise InvalidInput.at(f"rules.{name}", Reason("not_an_id"))
        normal = normal_body(kind, body, f"rules.{name}")
        documents["rules", name] = Document("rules", name, catalog.revision, normal, "")
    if drafts or only:
        catalog = Snapshot(catalog.account_id, catalog.revision, "draft", catalog.versions, documents)
    wrong = [
        Detail(f"rules.{name}.{detail.path}", detail.reason)
        for name in drafts
        for detail in unresolved(kind.references(documents["rules", name].body), catalog)
    ]
    for name in drafts if not wrong else ():
        checks = kind.check(name, documents["rules", name].body, catalog)
        wrong += [replace(detail, path=f"rules.{name}.{detail.path}") for detail in checks]
    if wrong:
        raise RuleViolation.of(wrong)
    return catalog


def _past(account_id: str, user_id: str, given: Mapping[str, Any]) -> activities.Activity | None:
    """The activity of the event that is asked about; None when it is one made up. Raises NotFound."""
    event_id, kind = given.get("event_id"), given.get("type")
    if (event_id is None) is (kind is None):
        raise InvalidInput.at("event", Reason("event_or_type"))
    if event_id is None:
        return None
    if str(event_id).startswith(f"{activities.SENT}:"):
        raise _wrong("event_id", Reason("sent_is_no_event", event=event_id))
    activity = activities.find(account_id, user_id, event_id)
    if activity is None:
        raise NotFound(Reason("no_event", event=event_id, user=user_id))
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
    unknown = triggers.unknown_event(kind)
    if unknown:
        raise _wrong("type", unknown)
    if not is_storable(props):
        raise InvalidInput.at("event.props", Reason("unstorable"))
    at = iso(_timestamp(given["at"])) if given.get("at") else iso(clock.now())
    key = event_key(kind, props)
    return FriendEvent("dry-run", account_id, user_id, kind, at, key, props, _token(kind))


def _token(kind: str) -> str | None:
    """As if the friend had just done it."""
    return "dry-run" if type_of(kind).has_reply_token else None


def _wrong(name: str, why: Reason) -> RuleViolation:
    return RuleViolation.at(f"event.{name}", why)


def _timestamp(text: str) -> Any:
    try:
        return parse_iso(text)
    except ValueError as error:
        raise InvalidInput.at("event.at", reason_of(error)) from error
