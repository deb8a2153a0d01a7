"""Friends are moved to the menus of a publication, or of a moment, or all of them once a night.

A job of the queue ``bulk`` for each shard, which goes on after the last page whose friends LINE has linked.
Who moves: those whom ``base`` says to be linked elsewhere (what was published before; this publication at an
earlier moment), or everybody (null). LINE is asked by up to 500 friends at once; a page that is linked again
changes nothing. After each page the publication is looked at: one that was replaced meanwhile has its page
done anew, for everybody, since nobody knows any more where they are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock, queues
from chalicelib.gateways.line_admin import Refused
from chalicelib.jobs import kinds
from chalicelib.jobs import service as jobs
from chalicelib.richmenus import calls, making, shown, store
from chalicelib.richmenus.documents import published
from chalicelib.richmenus.shown import GONE, Shown
from chalicelib.segments import audience, by_shard
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.ids import digest
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import iso, parse_iso
from chalicelib.shared.user_ids import is_line_user

MOVE = "move_rich_menus"
SETTLE = "settle_rich_menus"
BEFORE = "before"
"""The base of a publication: what was published before it."""
_SETTLED_S = 180
"""So long after a walk nothing of it is under way any more."""
_PAGE = calls.MOST_AT_ONCE
_TRIES = 5


@dataclass(frozen=True)
class Difference:
    """Whom to move: the menus that friends may see, and those that they were linked by (None: not known)."""

    generation: int
    now: Shown
    was: Shown | None
    was_at: datetime | None

    def groups(self, sheets: Sequence[Sheet], at: datetime) -> dict[str | None, list[str]]:
        """The friends to link anew, by the menu (None: to none). Pure."""
        found: dict[str | None, list[str]] = defaultdict(list)
        for sheet in sheets:
            if sheet["status"] in GONE or not is_line_user(sheet["user_id"]):
                continue
            wanted = self.now.link(sheet, at)
            if self.was is None or self.was.link(sheet, self.was_at or at) != wanted:
                found[wanted].append(sheet["user_id"])
        return dict(found)

    @property
    def needs(self) -> frozenset[str]:
        """What of sheets it looks at."""
        return self.now.needs | (self.was.needs if self.was else frozenset())


def create(account: Account, by: str, job: str | None = None) -> str:
    """A new job that moves friends; nothing of it has begun. Returns its id."""
    return jobs.create(
        account.id,
        MOVE,
        by=by,
        total=account.shards,
        chunks=account.shards,
        params={"needs_result": True},
        job_id=job,
    )


def start(account: Account, job: str, base: str | None) -> None:
    """Queue a job's shards. Again is harmless: a shard that is through stays so."""
    now = iso(clock.now())
    store.begin_walk(account.id, job, now)
    if store.find(account.id).walks.keys() - {job}:
        store.note_again(account.id, now)
    body = {"job": MOVE, "account": account.id, "id": job, "base": base, "generation": _generation(account)}
    messages = [queues.Message({**body, "shard": shard}) for shard in range(account.shards)]
    if queues.send_all("bulk", messages):
        raise Unavailable(Reason("queue_refused", what=f"job {job}"))


def _generation(account: Account) -> int:
    return generation_of(catalog.snapshot(account.id))


def generation_of(snapshot: Snapshot) -> int:
    """The number of the publication; 0: nothing is published."""
    return int((published(snapshot) or {"generation": 0})["generation"])


def difference(account: Account, snapshot: Snapshot, base: str | None, generation: int) -> Difference:
    """Whom a walk moves, that began under a generation."""
    current = generation_of(snapshot)
    now = shown.in_force(snapshot, account.zone)
    if base is None or current != generation:
        return Difference(current, now, None, None)
    if base == BEFORE:
        return Difference(current, now, shown.before(snapshot, account.zone), None)
    return Difference(current, now, now, parse_iso(base))


def work(body: Mapping[str, Any], left: TimeLeft = NO_LIMIT) -> None:
    """The job ``move_rich_menus``: one shard, from a place on."""
    account, name = accounts.get_account(body["account"]), f"{int(body['shard']):06d}"
    header = jobs.header(account.id, body["id"])
    if not jobs.chunk_done(header, name):
        place = _walk(account, dict(body), left)
        if place is None:
            return
        jobs.finish_chunk(header, name, 1, result=place)
    by_shard.add_up(account.id, body["id"])
    if jobs.header(account.id, body["id"]).result is not None:
        message = {"job": SETTLE, "account": account.id, "id": body["id"]}
        queues.send("bulk", message, delay_s=_SETTLED_S)


def _walk(account: Account, body: dict[str, Any], left: TimeLeft) -> dict[str, int] | None:
    """What the shard came to at its end; None: another message goes on."""
    counts: Counter[str] = Counter(body.get("counts") or {})
    while True:
        try:
            done, after = _page(account, body)
        except Refused as error:
            _refused(body, error)
            return None
        counts.update(done)
        body = {**body, "after": after, "counts": dict(counts), "attempt": 1}
        if after is None:
            return {name: counts[name] for name in ("moved", "refused", "calls")}
        if left.is_over:
            queues.send("bulk", body)
            return None


def _refused(body: dict[str, Any], error: Refused) -> None:
    if error.may_work_later:
        kinds.retry_later(body, str(error))
        return
    raise kinds.NotDone(f"{error}: {error.line_message}")


def _page(account: Account, body: Mapping[str, Any]) -> tuple[dict[str, int], str | None]:
    """Link a page's friends; what was done, and the friend to go on after (None: it was the last page)."""
    base, generation = body.get("base"), int(body.get("generation", 0))
    for _ in range(_TRIES):
        snapshot = catalog.snapshot(account.id)
        wanted = difference(account, snapshot, base, generation)
        sheets, after = audience.read_shard(
            account.id,
            int(body["shard"]),
            body.get("after"),
            _PAGE,
            needs=wanted.needs,
            consistent=True,
        )
        done = _link(account.id, wanted.groups(sheets, clock.now()))
        if generation_of(catalog.snapshot(account.id)) == wanted.generation:
            return done, after
        base = None
    raise Unavailable(Reason("catalog_busy"))


def _link(account: str, groups: Mapping[str | None, Sequence[str]]) -> dict[str, int]:
    counts: Counter[str] = Counter(moved=0, calls=0)
    for menu, users in groups.items():
        counts.update(_link_some(account, menu, users))
    return dict(counts)


def _link_some(account: str, menu: str | None, users: Sequence[str]) -> Mapping[str, int]:
    """Link friends; one whom LINE does not know has it refuse all of a call, and is found by halves."""
    try:
        making.with_token(account, calls.link, menu, users)
    except Refused as error:
        if not error.is_about("userIds"):
            raise
        if len(users) == 1:
            return {"refused": 1, "calls": 1}
        half = len(users) // 2
        counts = Counter(_link_some(account, menu, users[:half]))
        counts.update(_link_some(account, menu, users[half:]))
        return counts
    return {"moved": len(users), "calls": 1}


def _walk_again(account: Account, at: str) -> None:
    """Two walks were on at once, and LINE may have done last what was asked first."""
    job = digest(MOVE, account.id, at)[:32]
    create(account, MOVE, job)
    start(account, job, None)
    store.forget_again(account.id, at)


def settle(body: Mapping[str, Any]) -> None:
    """The job ``settle_rich_menus``: nothing of a walk is under way any more. What it left at LINE goes."""
    account = accounts.get_account(body["account"])
    store.end_walk(account.id, body["id"])
    standing = store.find(account.id)
    if standing.walks:
        return
    if standing.again:
        _walk_again(account, standing.again)
        return
    menus = (published(catalog.snapshot(account.id)) or {"menus": {}})["menus"].values()
    try:
        making.tidy(account.id, frozenset(menu["rich_menu_id"] for menu in menus))
    except Refused as error:
        logger.warning("old menus stay at LINE for now", extra={"account": account.id, "why": str(error)})
