"""What is tapped of a menu, area by area: counted from the friends' sheets, so that a tap costs no write.

LINE reports taps that send a postback: postbacks, date pickers and tabs. A sheet counts postbacks by their
``data``, day by day for some three months; whatever else sends the same data counts too. So it is with areas
that open a tracked link: LIFF says who comes. Of other addresses LINE reports nothing; texts may be typed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.events.kinds import counted_as, event_key
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock
from chalicelib.richmenus import addresses
from chalicelib.richmenus.documents import KIND
from chalicelib.segments import audience, by_shard
from chalicelib.shared.time_left import TimeLeft
from chalicelib.shared.times import iso

_SECONDS = 10.0
_REPORTED = frozenset({"postback", "datetimepicker", "richmenuswitch"})


@dataclass
class _Counts:
    taps: Counter[str] = field(default_factory=Counter)
    friends: Counter[str] = field(default_factory=Counter)


def taps(account_id: str, menu: str, first: date, last: date) -> dict[str, Any]:
    """``{"areas": [{"area", "type", "label", "data", "link", "taps", "friends"}], "exact", "as_of"}`` of
    local days;
    ``taps`` None: LINE does not report it. Raises NotFound.
    """
    account = accounts.get_account(account_id)
    body = catalog.snapshot(account_id).get(KIND, menu).body
    areas: Sequence[Mapping[str, Any]] = (body.get("rich_menu") or {}).get("areas") or ()
    names = {name for area in areas if (name := _name(area["action"])) is not None}
    days = first.isoformat(), last.isoformat()

    def read(shard: int, left: TimeLeft) -> _Counts | None:
        return _shard(account, shard, names, days, left)

    found = by_shard.sample(account.shards, read, by_shard.within(_SECONDS)) if names else []
    share = len(found) / account.shards if found else 1
    counted = [_area(n, area["action"], found, share) for n, area in enumerate(areas)]
    return {"areas": counted, "exact": share == 1, "as_of": iso(clock.now())}


def _name(action: Mapping[str, Any]) -> str | None:
    """What a sheet counts taps on an area as; None: LINE reports none of them."""
    link = addresses.link_of(action)
    if link is not None:
        return counted_as("link_clicked", link)
    if action.get("type") not in _REPORTED:
        return None
    key = event_key("postback", {"data": action["data"]})
    return None if key is None else counted_as("postback", key)


def _area(number: int, action: Mapping[str, Any], found: Sequence[_Counts], share: float) -> dict[str, Any]:
    name = _name(action)
    numbers = {
        "taps": None if name is None else round(sum(c.taps[name] for c in found) / share),
        "friends": None if name is None else round(sum(c.friends[name] for c in found) / share),
    }
    shown = {n: action.get(n) for n in ("type", "label", "data")} | {"link": addresses.link_of(action)}
    return {"area": number, **shown, **numbers}


def _shard(
    account: Account, shard: int, names: set[str], days: tuple[str, str], left: TimeLeft
) -> _Counts | None:
    counts, after = _Counts(), None
    while True:
        sheets, after = audience.read_shard(account.id, shard, after, needs={"facts"})
        for sheet in sheets:
            _count(counts, sheet, names, days)
        if after is None:
            return counts
        if left.is_over:
            return None


def _count(counts: _Counts, sheet: Sheet, names: set[str], days: tuple[str, str]) -> None:
    facts: Mapping[str, Any] = sheet.get("facts") or {}
    for name in names & facts.keys():
        n = sum(m for day, m in (facts[name].get("days") or {}).items() if days[0] <= day <= days[1])
        counts.taps[name] += n
        counts.friends[name] += n > 0
