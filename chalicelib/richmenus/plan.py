"""What a publication would do: which menus are made, who would be moved from what to what, in how many calls.

Friends are counted as they would be moved, page by page, as far as a request has time: of the shards that
were read to their end the others are estimated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.kinds import Body
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions.model import Context
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock
from chalicelib.richmenus import calls, publishing, shown
from chalicelib.richmenus.documents import KIND, published, state
from chalicelib.richmenus.moving import Difference, generation_of
from chalicelib.richmenus.shown import GONE, Shown
from chalicelib.segments import audience, by_shard
from chalicelib.shared.time_left import TimeLeft
from chalicelib.shared.times import iso

_SECONDS = 10.0
_NEW = "new:"
Move = tuple[str | None, str | None]
"""From a menu to a menu (None: to none)."""


@dataclass
class Counts:
    """Friends by move, those of them whom LINE has to be asked to link, and in how many calls."""

    friends: Counter[Move] = field(default_factory=Counter)
    linked: Counter[Move] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)


def plan(account_id: str) -> dict[str, Any]:
    """``{"menus", "default", "moves", "calls", "problems", "exact", "as_of"}``."""
    account, snapshot, now = accounts.get_account(account_id), catalog.snapshot(account_id), clock.now()
    was, wanted = shown.in_force(snapshot, account.zone), to_be(account, snapshot)
    counts, share = _counted(account, Difference(generation_of(snapshot), wanted, was, None), now)
    menus, default = _menus(snapshot), (was.default(now), wanted.default(now))
    moves = sorted(counts.friends.items(), key=lambda one: (-one[1], str(one[0])))
    return {
        "menus": menus,
        "default": {"from": default[0], "to": default[1]},
        "moves": [_move(move, n, counts.linked[move], share) for move, n in moves],
        "calls": _calls(menus, snapshot, _ids(was, default[0]) != _ids(wanted, default[1]))
        | {name: round(counts.calls[name] / share) for name in ("link", "unlink")},
        "problems": [detail.body() for detail in publishing.problems(snapshot)],
        "exact": share == 1,
        "as_of": iso(now),
    }


def _move(move: Move, friends: int, linked: int, share: float) -> dict[str, Any]:
    return {
        "from": move[0],
        "to": move[1],
        "friends": round(friends / share),
        "linked": round(linked / share),
    }


def _ids(menus: Shown, menu: str | None) -> str | None:
    return None if menu is None else menus.ids[menu]


def _is_menu(body: Body) -> bool:
    return body.get("rich_menu") is not None or bool(body.get("rich_menu_id"))


def _known(snapshot: Snapshot) -> Mapping[str, Body]:
    menus: Mapping[str, Body] = (published(snapshot) or {"menus": {}})["menus"]
    return menus


def to_be(account: Account, snapshot: Snapshot) -> Shown:
    """The menus as they would be seen; those that are still to be made have ids that no menu has."""
    unmade, known = set(publishing.unmade(snapshot)), _known(snapshot)
    menus: dict[str, Body] = {}
    for id_, document in snapshot.all(KIND).items():
        body = document.body
        if _is_menu(body):
            made = f"{_NEW}{id_}" if id_ in unmade else (known.get(id_) or {}).get("rich_menu_id")
            menus[id_] = {"rich_menu_id": body.get("rich_menu_id") or made, "show": body.get("show")}
    return shown.of(menus, Context(snapshot, account.zone))


def _menus(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Each menu: is it ``new``, ``changed``, ``same`` or ``removed``, and is one made at LINE."""
    known, unmade = _known(snapshot), set(publishing.unmade(snapshot))
    found: dict[str, str] = dict.fromkeys(known, "removed")
    for id_, document in snapshot.all(KIND).items():
        if _is_menu(document.body):
            is_changed = state(id_, snapshot)["unpublished_changes"]
            found[id_] = "new" if id_ not in known else "changed" if is_changed else "same"
    return [{"id": id_, "state": found[id_], "is_made": id_ in unmade} for id_ in sorted(found)]


def _calls(menus: list[dict[str, Any]], snapshot: Snapshot, is_other_default: bool) -> dict[str, int]:
    """The calls that are not about friends: a menu is created and given its picture."""
    known, made = _known(snapshot), sum(menu["is_made"] for menu in menus)
    aliases = 0
    for menu in menus:
        document = snapshot.find(KIND, menu["id"])
        alias = document.body.get("alias") if document else None
        is_same = (known.get(menu["id"]) or {}).get("alias") == alias and not menu["is_made"]
        aliases += bool(alias) and not is_same
    return {"create": made, "image": made, "alias": aliases, "default": int(is_other_default)}


def _counted(account: Account, difference: Difference, now: datetime) -> tuple[Counts, float]:
    """What was counted, and which part of the shards that is."""

    def read(shard: int, left: TimeLeft) -> Counts | None:
        return _shard(account, shard, difference, now, left)

    found = by_shard.sample(account.shards, read, by_shard.within(_SECONDS))
    total = Counts()
    for counts in found:
        total.friends.update(counts.friends)
        total.linked.update(counts.linked)
        total.calls.update(counts.calls)
    return total, len(found) / account.shards


def _shard(
    account: Account, shard: int, difference: Difference, now: datetime, left: TimeLeft
) -> Counts | None:
    """A shard as a walk would move it; None: there was no time to read it all."""
    counts, after = Counts(), None
    while True:
        page = audience.read_shard(account.id, shard, after, calls.MOST_AT_ONCE, needs=difference.needs)
        sheets, after = page
        _count(counts, difference, [sheet for sheet in sheets if sheet["status"] not in GONE], now)
        if after is None:
            return counts
        if left.is_over:
            return None


def _count(counts: Counts, difference: Difference, sheets: list[Sheet], now: datetime) -> None:
    assert difference.was is not None
    groups = difference.groups(sheets, now)
    linked = {user for users in groups.values() for user in users}
    for menu in groups:
        counts.calls["unlink" if menu is None else "link"] += 1
    for sheet in sheets:
        move = difference.was.menu(sheet, now), difference.now.menu(sheet, now)
        is_linked = sheet["user_id"] in linked
        if is_linked or move[0] != move[1]:
            counts.friends[move] += 1
            counts.linked[move] += is_linked
