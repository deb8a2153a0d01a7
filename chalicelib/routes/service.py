"""A touch of a route: an event of the friend, and where they go on."""

from __future__ import annotations

from chalicelib.catalog.service import snapshot
from chalicelib.gateways import clock, inbox
from chalicelib.liff.places import Visit
from chalicelib.routes import addresses
from chalicelib.shared.errors import NotFound
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import ID_PATTERN, digest
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso


def enter(visit: Visit) -> str:
    """Put the touch in the inbox; returns the account's address at LINE. The same visit is the same touch.

    Raises NotFound, and Unavailable when it could not be kept.
    """
    account, route = visit.account, known_route(visit.account.id, visit.rest)
    following = addresses.profile(account)
    body = snapshot(account.id).get("routes", route).body
    props = {"route": route, **addresses.touch(visit.query, body.get("utm") or {})}
    name = f"route:{digest(visit.ticket, route)[:32]}"
    now = iso(clock.now())
    event = FriendEvent(name, account.id, visit.user_id, "route_entered", now, route, props, source="route")
    inbox.put_all([event], Reason("touch_not_kept"))
    return following


def known_route(account: str, route: str) -> str:
    """A route's id. Raises NotFound."""
    if not ID_PATTERN.match(route) or snapshot(account).find("routes", route) is None:
        raise NotFound(Reason("no_such_route"))
    return route
