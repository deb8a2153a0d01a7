"""Once a night, in one walk through all friends: how large each segment is, and where the ranks begin.

The job is named by the account's local day, so it is begun again harmlessly until it is through. What it has
found is kept before its message is done with: the sizes of the day, and the limits of the ranks as a
document, so that conditions judge everybody by the same ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock
from chalicelib.jobs import service as jobs
from chalicelib.segments import by_shard, store
from chalicelib.shared.errors import NotFound
from chalicelib.shared.ids import digest
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import iso, local_date, parse_iso, to_ms

FIGURES = "figures"
_SIZE = "s:"
_FIFTHS = 5


def begin(account_id: str) -> None:
    """Have the day's figures found, unless they are."""
    account, now = accounts.get_account(account_id), clock.now()
    day = local_date(now, account.zone).isoformat()
    job = digest(FIGURES, account.id, day)[:32]
    try:
        if jobs.header(account.id, job).result is not None:
            return
    except NotFound:
        pass
    segments = list(catalog.snapshot(account.id).all("segments"))
    params = {"as_of": iso(now), "day": day, "segments": segments}
    by_shard.start(account, FIGURES, params, FIGURES, job)


def work(body: Mapping[str, Any], left: TimeLeft = NO_LIMIT) -> None:
    """The job ``figures``, ``{account, id, shard}``: one shard; whoever ends the last keeps the figures."""
    account, snapshot = accounts.get_account(body["account"]), catalog.snapshot(body["account"])
    named = [
        name
        for name in jobs.header(account.id, body["id"]).params["segments"]
        if snapshot.find("segments", name)
    ]
    context = Context(snapshot, account.zone)
    needs = {"purchases"}.union(*(language.needs({"segment": name}, snapshot) for name in named))
    tests = {name: language.compile_audience({"segment": name}, context) for name in named}

    def each(header: jobs.JobHeader) -> by_shard.Each:
        now = parse_iso(header.params["as_of"])

        def count(sheets: Sequence[Sheet]) -> Mapping[str, int]:
            found = Counter({f"{_SIZE}{name}": 0 for name in tests})
            for sheet in sheets:
                found.update(f"{_SIZE}{name}" for name, test in tests.items() if test(sheet, now))
                found.update(_figures(sheet, account.zone))
            return found

        return count

    by_shard.go_on(account, body, each, left, needs)
    _keep(account, jobs.header(account.id, body["id"]))


def _figures(sheet: Sheet, zone: ZoneInfo) -> Iterator[str]:
    """What is counted of a customer: the day of the last order, how many there are, what they come to."""
    purchases = sheet.get("purchases") or {}
    count, last_at = purchases.get("count", 0), purchases.get("last_at")
    if sheet["status"] == "following" and count > 0 and last_at:
        total = int(purchases.get("total", 0))
        yield f"r:{local_date(parse_iso(last_at), zone)}"
        yield f"f:{count}"
        yield f"m:{total // _unit(total) * _unit(total)}"


def _unit(total: int) -> int:
    """What the third digit of a sum is worth."""
    return int(10 ** max(0, len(str(total)) - 3))


def _keep(account: Account, header: jobs.JobHeader) -> None:
    if header.result is None or header.params.get("kept"):
        return
    found, as_of = header.result, header.params["as_of"]
    sizes = {name.removeprefix(_SIZE): int(n) for name, n in found.items() if name.startswith(_SIZE)}
    store.put_sizes(account.id, header.params["day"], parse_iso(as_of), as_of, sizes)
    limits = bounds(found, account.zone)
    if limits["f"]:
        writes = [Write("rfm", "default", {"as_of": as_of, **limits})]
        catalog.save(account.id, writes, lambda _: None, FIGURES)
    jobs.note(account.id, header, {"kept": True})


def bounds(found: Mapping[str, int], zone: ZoneInfo) -> dict[str, list[int]]:
    """The least values of ranks 2 to 5 in each of ``r f m``, of the counts of a walk. Pure."""

    def after_day(day: str) -> int:
        return to_ms(datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), zone))

    nexts: dict[str, Callable[[str], int]] = {
        "r": after_day,
        "f": lambda count: int(count) + 1,
        "m": lambda total: int(total) + _unit(int(total)),
    }
    return {name: _fifths(name, found, following) for name, following in nexts.items()}


def _fifths(name: str, found: Mapping[str, int], following: Callable[[str], int]) -> list[int]:
    """Where each of the upper four fifths begins: behind the last value of the one below."""
    counts = sorted((following(key[2:]), int(n)) for key, n in found.items() if key.startswith(f"{name}:"))
    all_of_them = sum(n for _, n in counts)
    limits: list[int] = []
    for fifth in range(1, _FIFTHS):
        last = max(1, fifth * (all_of_them // _FIFTHS) + min(fifth, all_of_them % _FIFTHS))
        through = 0
        for limit, n in counts:
            through += n
            if through >= last:
                limits.append(limit)
                break
    return limits


def history(account: str, segment: str, first: date, last: date) -> list[dict[str, Any]]:
    """``[{date, count, as_of}]`` of the days that were counted, oldest first. Raises NotFound."""
    catalog.snapshot(account).get("segments", segment)
    return [vars(size) for size in store.sizes_of(account, segment, first.isoformat(), last.isoformat())]
