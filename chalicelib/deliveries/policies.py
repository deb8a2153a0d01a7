"""Who decides not to send now, or not to send to this friend: quiet hours, blackout dates, caps.

The whole of it is here. ``decide`` is asked at every attempt of every delivery; ``admit`` before a
manifest is written. The rules are the account's document ``policies/default``, or else the ``policies``
of the account itself:

- quiet hours and blackout dates hold marketing messages back (``then: defer``, the default: until they
  are over; ``then: skip``: for good). Transactional messages (an order, a booking) are not held back, and
  a reply to what a friend just wrote is not a delivery.
- a cap allows so many deliveries of its category per calendar day, week or month of the account's zone.
  A place is reserved on the fact sheet before the manifest, under ``cap_<category>_<per>_<period>``, and
  given back when LINE took nothing. The reservation is the receipt. It belongs to the period in which the
  message goes out: what is attempted in a later one takes its place there first (``move``), or loses it. (An
  attribute of the sheet itself: DynamoDB adds members to, and deletes them from, top-level sets only.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.deliveries.lately import brake as brakes
from chalicelib.friends import service as friends
from chalicelib.gateways.expressions import Condition
from chalicelib.shared import side_by_side
from chalicelib.shared.tables import handed_down
from chalicelib.sheets.trim import CAP

EXEMPT = frozenset({"transactional", "internal"})
"""Categories that quiet hours and blackout dates do not hold back; ``internal`` is a note to staff."""


@dataclass(frozen=True)
class Quiet:
    """Local times from (included) to (excluded) between which nothing of marketing goes out."""

    start: time
    end: time


@dataclass(frozen=True)
class Cap:
    """At most ``max`` deliveries of a category per ``day``, ``week`` or ``month``."""

    category: str
    max: int
    per: str


@dataclass(frozen=True)
class Policy:
    """An account's policies, read."""

    zone: ZoneInfo
    quiet: Quiet | None = None
    skip: bool = False
    caps: tuple[Cap, ...] = ()
    blackout: frozenset[date] = frozenset()
    brake: brakes.Limits | None = None


@dataclass(frozen=True)
class Ruling:
    """``go``; ``hold`` until a time; ``skip`` for good (it would have had to wait until then)."""

    kind: Literal["go", "hold", "skip"]
    reason: str
    until: datetime


def read(body: Mapping[str, Any], zone: ZoneInfo) -> Policy:
    """The policies of a document's body (API: ``policies``); an empty one allows everything."""
    quiet = body.get("quiet_hours") or {}
    start, end = (time.fromisoformat(quiet[name]) for name in ("from", "to")) if quiet else (time(), time())
    return Policy(
        zone=zone,
        quiet=Quiet(start, end) if start != end else None,
        skip=quiet.get("then") == "skip",
        caps=tuple(Cap(c["category"], int(c["max"]), c["per"]) for c in body.get("caps") or ()),
        blackout=frozenset(date.fromisoformat(str(day)) for day in body.get("blackout_dates") or ()),
        brake=brakes.read(body.get("runaway")),
    )


def decide(policy: Policy, category: str, now: datetime) -> Ruling:
    """Whether a delivery of a category may go out at this time."""
    first = None if category in EXEMPT else _held(policy, now)
    if first is None:
        return Ruling("go", "quiet_hours", now)
    reason, until = first
    # The end of the quiet hours may lie in a blackout, and its end in quiet hours again.
    while (held := _held(policy, until)) is not None:
        until = held[1]
    return Ruling("skip" if policy.skip else "hold", reason, until)


def goes_out_at(policy: Policy, category: str, now: datetime) -> datetime:
    """When a delivery of a category that is wanted now would go out: at once, or after the hold."""
    ruling = decide(policy, category, now)
    return ruling.until if ruling.kind == "hold" else now


def _held(policy: Policy, timestamp: datetime) -> tuple[str, datetime] | None:
    """Why nothing may go out at a time, and the next time to look at."""
    local = timestamp.astimezone(policy.zone)
    if local.date() in policy.blackout:
        return "blackout", _at(local.date() + timedelta(days=1), time(), policy.zone, timestamp)
    quiet = policy.quiet
    if quiet is None:
        return None
    clock = local.time()
    if quiet.start < quiet.end:
        inside = quiet.start <= clock < quiet.end
    else:
        inside = clock >= quiet.start or clock < quiet.end
    if not inside:
        return None
    day = local.date() if clock < quiet.end else local.date() + timedelta(days=1)
    return "quiet_hours", _at(day, quiet.end, policy.zone, timestamp)


def _at(day: date, clock: time, zone: ZoneInfo, after: datetime) -> datetime:
    """A local time in UTC (a gap goes forward, of an overlap the first) that is later than ``after``."""
    timestamp = datetime.combine(day, clock, zone).astimezone(UTC)
    # In the second pass of an overlap the first one's timestamp is past already.
    return (
        timestamp if timestamp > after else datetime.combine(day, clock, zone).replace(fold=1).astimezone(UTC)
    )


def period(per: str, now: datetime, zone: ZoneInfo) -> str:
    """The name of the calendar period of a time: ``2026-11-22``, ``2026-W47`` or ``2026-11``."""
    local = now.astimezone(zone)
    if per == "day":
        return local.date().isoformat()
    if per == "week":
        year, week, _ = local.isocalendar()
        return f"{year}-W{week:02d}"
    return f"{local:%Y-%m}"


def cap_keys(policy: Policy, category: str, now: datetime) -> list[tuple[str, int]]:
    """The sheet's attributes that a delivery of a category takes a place in, and how many places each has."""
    return [
        (f"{CAP}{category}_{cap.per}_{period(cap.per, now, policy.zone)}", cap.max)
        for cap in policy.caps
        if cap.category == category
    ]


def is_full(
    policy: Policy, category: str, sheet: Mapping[str, Any], now: datetime, kept: Sequence[datetime] = ()
) -> bool:
    """Whether a friend has no place left for one more delivery of a category (nothing is reserved). ``kept``:
    when broadcasts with priority will want one.
    """
    return any(len(sheet.get(key) or ()) >= places for key, places in _left(policy, category, now, kept))


def _left(policy: Policy, category: str, now: datetime, kept: Sequence[datetime]) -> list[tuple[str, int]]:
    """The keys of a time, with the places that are not kept for other times."""
    taken = [key for at in kept for key, _ in cap_keys(policy, category, at)]
    return [(key, places - taken.count(key)) for key, places in cap_keys(policy, category, now)]


def current(account: str) -> Policy:
    """The account's policies in force."""
    return of_account(accounts.get_account(account), catalog.snapshot(account))


def of_account(account: Account, snapshot: Snapshot) -> Policy:
    """The policies of an account, by this catalog of it; read once per revision."""
    if snapshot.find("policies", "default") is None:
        return read(account.policies, account.zone)
    key = ("deliveries.policies", account.zone.key)
    return snapshot.derived(key, lambda at: read(_body(account, at), account.zone))


def _body(account: Account, snapshot: Snapshot) -> Mapping[str, Any]:
    document = snapshot.find("policies", "default")
    return document.body if document else account.policies


def approval_above(account: str) -> int | None:
    """Broadcasts to more friends than this wait for somebody's approval; None: none does."""
    limit = _body(accounts.get_account(account), catalog.snapshot(account)).get("approval_above")
    return None if limit is None else int(limit)


def admit(
    account: str, policy: Policy, category: str, users: Iterable[str], token: str, now: datetime
) -> dict[str, str]:
    """Reserve a place under every cap for each friend; returns the refused ones, ``{user: "cap"}``.

    ``token`` names the delivery: asking again for the same one changes nothing. Places that broadcasts with
    priority will want are left free.
    """
    keys, every = cap_keys(policy, category, now), list(users)
    if not keys:
        return {}
    shards = accounts.get_account(account).shards
    free = _free(account, policy, category, every, token, now)
    refused = _refused(every, lambda user: _reserve(account, shards, user, free(user), token))
    return dict.fromkeys(refused, "cap")


def _free(
    account: str, policy: Policy, category: str, users: Sequence[str], token: str, now: datetime
) -> Callable[[str], list[tuple[str, int]]]:
    """A friend's keys with the places that are left for this delivery."""
    kept = handed_down("kept_places")(account, category, users, token, now)
    return lambda user: _left(policy, category, now, kept.get(user, ()))


def move(
    account: str,
    policy: Policy,
    category: str,
    users: Iterable[str],
    token: str,
    since: datetime,
    now: datetime,
) -> list[str]:
    """Move reservations of a time to the periods of a later one; returns who has no place there.

    One write for each friend; asking again changes nothing. Whoever is refused keeps the old place, until it
    is given back.
    """
    before, keys = cap_keys(policy, category, since), cap_keys(policy, category, now)
    gone = [key for key in before if key not in keys]
    if not gone:
        return []
    shards, left, every = accounts.get_account(account).shards, [key for key, _ in gone], list(users)
    free = _free(account, policy, category, every, token, now)
    return _refused(every, lambda user: _reserve(account, shards, user, free(user), token, left))


def _refused(users: Iterable[str], write: Callable[[str], bool]) -> list[str]:
    """Who was refused by a write of their own, in order."""
    every = list(users)
    return [user for user, kept in zip(every, side_by_side.each(write, every), strict=True) if not kept]


def _reserve(
    account: str,
    shards: int,
    user: str,
    keys: Sequence[tuple[str, int]],
    token: str,
    left: Sequence[str] = (),
) -> bool:
    """Take a place under every key, all or none, and leave those under the others, in one write."""
    free: list[list[Condition]] = []
    for key, places in keys:
        path = (key,)
        any_of = [Condition(path, "contains", token)]
        if places > 0:
            any_of += [Condition(path, "absent"), Condition(path, "size<", places)]
        free.append(any_of)
    adds, deletes = [((key,), {token}) for key, _ in keys], [((key,), {token}) for key in left]
    return friends.update_paths(account, shards, user, conditions=free, adds=adds, deletes=deletes)


def give_back(
    account: str, policy: Policy, category: str, users: Iterable[str], token: str, *timestamps: datetime
) -> None:
    """Free the places of friends to whom LINE took nothing, in the period of whichever time they have."""
    keys = {key for timestamp in timestamps for key, _ in cap_keys(policy, category, timestamp)}
    if keys:
        shards = accounts.get_account(account).shards
        deletes = [((key,), {token}) for key in sorted(keys)]
        side_by_side.each(lambda user: friends.update_paths(account, shards, user, deletes=deletes), users)
