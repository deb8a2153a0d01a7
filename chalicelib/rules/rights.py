"""What of an editor's data needs a publisher: events and edits that would wake what may reach friends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.accounts import access
from chalicelib.accounts.model import Principal
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import type_of
from chalicelib.gateways import clock
from chalicelib.rules import news, reach
from chalicelib.shared.errors import Detail
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason


def refuse_events(principal: Principal, account: str, events: Mapping[str, FriendEvent]) -> None:
    """Raises NotAllowed for an editor's events, by their paths, that would wake what may reach friends."""
    if principal.may("publisher"):
        return
    catalog, within, now = snapshot(account), get_account(account).react_within, clock.now()
    needs = [
        need
        for path, event in events.items()
        if event.fire
        for need in _of_event(path, event, catalog, late=news.late(event.at, within, now) is not None)
    ]
    access.refuse(principal, needs)


def _of_event(path: str, event: FriendEvent, catalog: Snapshot, *, late: bool) -> Iterator[Detail]:
    found = reach.woken(catalog, [(event.type, event.props)], whole=True, late=late)
    if found is None and type_of(event.type).reports_order:
        found = reach.woken(catalog, [("stage_changed", {})], late=late)
    if found is not None:
        what = "order_id" if type_of(event.type).reports_order else "type"
        yield Detail(path or what, Reason("event_wakes", event=event.type, woken=_woken(found)))


def of_patch(patch: Mapping[str, Any], catalog: Snapshot) -> list[Detail]:
    """What in an edit by hand wakes what may reach friends."""
    needs = [
        Detail(kind, Reason("edit_wakes", woken=_woken(found)))
        for kind, props in patch.get("facts") or ()
        if (found := reach.woken(catalog, [(kind, props)], whole=True)) is not None
    ]
    for path, action in _actions(patch):
        found = reach.woken(catalog, reach.of_action(action, catalog))
        if found is not None:
            needs.append(Detail(path, Reason("edit_wakes", woken=_woken(found))))
    return needs


def _actions(patch: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """An edit as the actions that would do the same."""
    yield from _consents(patch)
    tags, scores = patch.get("tags") or {}, patch.get("scores") or {}
    for name, action in (("add", "add_tag"), ("remove", "remove_tag")):
        yield from ((f"tags.{name}[{n}]", {action: tag}) for n, tag in enumerate(tags.get(name) or ()))
    for id_, value in (patch.get("attributes") or {}).items():
        yield f"attributes.{id_}", {"set_attribute": {"attribute": id_, "value": value}}
    for id_, points in (scores.get("add") or {}).items():
        yield f"scores.add.{id_}", {"add_score": {"score": id_, "points": points}}
    for id_, value in (scores.get("set") or {}).items():
        yield f"scores.set.{id_}", {"set_score": {"score": id_, "value": value}}


def _consents(patch: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for topic, state in (patch.get("topics") or {}).items():
        yield f"topics.{topic}", {"opt_out" if state == "out" else "opt_in": topic}


def _woken(found: tuple[Any, reach.Cause]) -> Reason:
    key, cause = found
    document, why = reach.name_of(key), cause.what
    if not cause.path:
        return Reason("woken", document=document, why=why)
    return Reason("woken_at", document=document, why=why, path=cause.path)
