"""What LINE shows against what is published: looked at, reported, and put right once a night.

LINE's menus, aliases and default are looked at whole, and a sample of the friends. Whatever has drifted, the
night links everybody anew, 500 in a call: that repairs more than could be looked at, and moves those whose
condition has changed by time alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.kinds import Body
from chalicelib.catalog.service import Write
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock
from chalicelib.gateways.line_admin import Refused
from chalicelib.jobs import kinds
from chalicelib.richmenus import calls, making, moving, showing, shown, store
from chalicelib.richmenus.documents import KIND, SHOWN, SHOWN_ID, made_of, published
from chalicelib.richmenus.shown import GONE
from chalicelib.segments import audience
from chalicelib.shared import metrics
from chalicelib.shared.errors import NotFound
from chalicelib.shared.ids import digest
from chalicelib.shared.times import iso, local_date, parse_iso
from chalicelib.shared.user_ids import is_line_user

REPAIR = "repair_rich_menus"
_SAMPLE = 200
_STUCK = timedelta(days=2)
"""A walk that began so long ago has died: its messages are among the dead letters, or gone."""


@dataclass
class Drift:
    """What LINE has otherwise: documents whose menu is gone, aliases and the default that lead elsewhere, and
    of so many friends those who see another menu.
    """

    menus: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    default: bool = False
    looked_at: int = 0
    friends: list[str] = field(default_factory=list)

    def count(self) -> int:
        """How much it is."""
        return len(self.menus) + len(self.aliases) + self.default + len(self.friends)


def find(account: Account, snapshot: Snapshot) -> Drift:
    """Look at LINE. Raises Refused."""
    body = published(snapshot)
    if body is None:
        return Drift()
    menus: Mapping[str, Body] = body["menus"]
    there, aliases = (making.with_token(account.id, ask) for ask in (calls.menus, calls.aliases))
    found = Drift(
        menus=[id_ for id_, menu in menus.items() if menu.get("made") and menu["rich_menu_id"] not in there],
        aliases=[
            menu["alias"]
            for menu in menus.values()
            if menu.get("alias") and aliases.get(menu["alias"]) != menu["rich_menu_id"]
        ],
    )
    default = shown.in_force(snapshot, account.zone).default(clock.now())
    wanted = menus[default]["rich_menu_id"] if default else None
    found.default = wanted is not None and making.with_token(account.id, calls.default) != wanted
    _look_at_friends(account, snapshot, found)
    return found


def _look_at_friends(account: Account, snapshot: Snapshot, found: Drift) -> None:
    """A friend who has tapped a tab is where they want to be."""
    menus, now = shown.in_force(snapshot, account.zone), clock.now()
    tabs = {
        m["rich_menu_id"] for m in (published(snapshot) or {"menus": {}})["menus"].values() if m.get("alias")
    }
    for sheet in _sample(account, menus.needs):
        found.looked_at += 1
        wanted, user = menus.link(sheet, now), sheet["user_id"]
        sees = making.with_token(account.id, calls.of_friend, user)
        if sees != wanted and sees not in tabs:
            found.friends.append(user)


def _sample(account: Account, needs: frozenset[str]) -> Iterator[Sheet]:
    """Some friends of each shard."""
    each = max(1, _SAMPLE // account.shards)
    for shard in range(account.shards):
        sheets, _ = audience.read_shard(account.id, shard, None, each, needs=needs, consistent=True)
        for sheet in sheets:
            if sheet["status"] not in GONE and is_line_user(sheet["user_id"]):
                yield sheet


def repair(body: Mapping[str, Any]) -> None:
    """The job ``repair_rich_menus``, once a night: look, report, make anew what is gone, link everybody."""
    account, now = accounts.get_account(body["account"]), clock.now()
    snapshot = catalog.snapshot(account.id)
    if published(snapshot) is None:
        return
    _forget_stuck(account)
    try:
        drift = find(account, snapshot)
        _report(account, drift, iso(now))
        if drift.menus:
            snapshot = _make_anew(account, snapshot, drift.menus)
        showing.look(account.id)
        showing.show(account, snapshot)
    except Refused as error:
        if not error.may_work_later:
            raise
        kinds.retry_later(dict(body), str(error))
        return
    job = digest(REPAIR, account.id, local_date(now, account.zone).isoformat())[:32]
    moving.create(account, "rich-menus", job)
    moving.start(account, job, None)


def _forget_stuck(account: Account) -> None:
    for job, at in store.find(account.id).walks.items():
        if clock.now() - parse_iso(at) > _STUCK:
            store.end_walk(account.id, job)


def _report(account: Account, drift: Drift, at: str) -> None:
    if drift.count():
        metrics.count("RichMenuDrift", drift.count(), account=account.id)
    report = vars(drift) | {"friends": len(drift.friends), "at": at}
    store.note_drift(account.id, report)


def _make_anew(account: Account, snapshot: Snapshot, gone: list[str]) -> Snapshot:
    """Menus that somebody has deleted at LINE are made once more, of documents that are still the same."""
    known = {(menu.document, menu.made): menu.id for menu in making.ours(account.id)}
    before = published(snapshot) or {"menus": {}}
    ids: dict[str, str] = {}
    for id_ in gone:
        document = snapshot.find(KIND, id_)
        if document is not None and made_of(document.body) == before["menus"][id_].get("made"):
            ids[id_] = making.make(account.id, id_, document.body, known)
    return catalog.save(account.id, lambda seen: _replaced(seen, ids), lambda _: None, "rich-menus")


def _replaced(seen: Snapshot, ids: Mapping[str, str]) -> list[Write]:
    body = published(seen)
    if body is None or not ids.keys() <= body["menus"].keys() or not ids:
        return []
    menus = {
        id_: menu | ({"rich_menu_id": ids[id_]} if id_ in ids else {}) for id_, menu in body["menus"].items()
    }
    more = {"generation": body["generation"] + 1, "menus": menus, "before": body["menus"]}
    return [Write(SHOWN, SHOWN_ID, body | more)]


def problems(account_id: str) -> Iterator[dict[str, Any]]:
    """What the doctor reports of an account's menus: ``{kind, what, …}``."""
    try:
        account = accounts.get_account(account_id)
        drift = find(account, catalog.snapshot(account_id))
    except NotFound:
        return
    except Refused as error:
        yield {"kind": "rich_menus_unknown", "what": f"LINE was asked, and {error}"}
        return
    for menu in drift.menus:
        yield {
            "kind": "rich_menu_missing",
            "menu": menu,
            "what": "LINE has it no more: publish the rich menus",
        }
    for alias in drift.aliases:
        yield {"kind": "rich_menu_alias", "alias": alias, "what": "it leads to another menu: publish again"}
    if drift.default:
        yield {"kind": "rich_menu_default", "what": "LINE shows another default menu: publish again"}
    for user in drift.friends:
        what = "LINE shows this friend another menu: the night links everybody, or publish again"
        yield {"kind": "rich_menu_drift", "user_id": user, "what": what}
