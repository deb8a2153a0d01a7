"""The document this room owns: routes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.catalog.kinds import Body, DocumentKind, Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.links.documents import Utm
from chalicelib.messages import vocabulary
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Name
from chalicelib.shared.reasons import Reason


class Route(BaseModel):
    """A way by which friends come (a QR code, a page). ``then`` are actions as in rules, for who is new;
    ``then_existing`` for who is a friend already (without it ``then`` serves both). ``utm``: what is kept of
    a touch where the address itself says nothing. ``folder``: where staff look for it.
    """

    model_config = ConfigDict(extra="forbid")

    name: Name
    folder: Name | None = None
    then: vocabulary.Actions = []
    then_existing: vocabulary.Actions | None = None
    utm: Utm | None = None


class State(BaseModel):
    """``url``: the route's address, for print and for links."""

    url: str


def _state(id_: str, snapshot: Snapshot) -> dict[str, Any]:
    from chalicelib.routes import addresses

    return State(url=addresses.address(snapshot.account_id, id_)).model_dump()


_LISTS = ("then", "then_existing")


def _route_references(body: Body) -> Iterable[Reference]:
    for name in _LISTS:
        yield from vocabulary.references(body.get(name) or [], name)


def _route_works(_id: str, body: Body, snapshot: Snapshot) -> Iterable[Detail]:
    for name in _LISTS:
        yield from vocabulary.check(body.get(name) or [], snapshot, name)


def _is_unattributed(_id: str, snapshot: Snapshot) -> Iterable[Detail]:
    """Nobody who comes is known where the account has no page at which LINE signs people in."""
    from chalicelib.accounts.service import find_account

    account = find_account(snapshot.account_id)
    if account is not None and not account.liff_id and not account.login_channel_id:
        yield Detail("", Reason("route_unattributed"))


DOCUMENTS: dict[str, DocumentKind] = {
    "routes": DocumentKind(
        "routes",
        Route,
        path_name="route",
        references=_route_references,
        check=_route_works,
        warn=_is_unattributed,
        state_model=State,
        state=_state,
    )
}
