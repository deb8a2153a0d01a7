"""The same actions for many friends, each once: a job that puts one event per friend in the inbox.

The event is named by the job, so whatever is worked on twice (a chunk, a shard, a whole request with its
``Idempotency-Key``) acts once. A condition is walked shard by shard; friends by id come in chunks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.gateways import clock, inbox, queues
from chalicelib.jobs import service as jobs
from chalicelib.segments import by_shard
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import iso, parse_iso

BULK_ACTION = "bulk_action"
_TOGETHER = 100


@dataclass(frozen=True)
class Asked:
    """What is to be done (``then``, checked), and who asked for it."""

    then: Sequence[Mapping[str, Any]]
    by: str

    def params(self) -> dict[str, Any]:
        """What the job keeps of it; the time it was asked is the time of every event."""
        return {"then": list(self.then), "by": self.by, "as_of": iso(clock.now())}


def start_for_audience(account: Account, condition: Mapping[str, Any], asked: Asked, job: str) -> str:
    """Queue it for everybody for whom a condition holds; returns the job's id. Again is harmless."""
    return by_shard.start(account, "bulk", asked.params() | {"condition": condition}, asked.by, job)


def start_for_users(account: Account, user_ids: Sequence[str], asked: Asked, job: str) -> str:
    """Queue it for friends by id; returns the job's id. Again is harmless."""
    lines = {user: line for line, user in reversed(list(enumerate(user_ids, 1)))}
    rows = sorted([line, user] for user, line in lines.items())
    chunks = [rows[first : first + _TOGETHER] for first in range(0, len(rows), _TOGETHER)]
    params = asked.params() | {"needs_result": True}
    jobs.create(
        account.id, "bulk", by=asked.by, total=len(rows), chunks=len(chunks), params=params, job_id=job
    )
    names = {"job": "bulk_users", "account": account.id, "id": job}
    messages = [queues.Message({**names, "chunk": n, "rows": chunk}) for n, chunk in enumerate(chunks)]
    if queues.send_all("bulk", messages):
        raise Unavailable(Reason("queue_refused", what=f"job {job}"))
    return job


def work_audience(body: Mapping[str, Any], left: TimeLeft = NO_LIMIT) -> None:
    """The job ``bulk``, ``{account, id, shard}``: the friends of one shard."""
    account = accounts.get_account(body["account"])
    by_shard.go_on(account, body, lambda header: _each(account, header), left)


def _each(account: Account, header: jobs.JobHeader) -> by_shard.Each:
    now = parse_iso(header.params["as_of"])
    context = Context(catalog.snapshot(account.id), account.zone)
    test = language.compile_audience(header.params["condition"], context)

    def each(sheets: Sequence[Sheet]) -> Mapping[str, int]:
        users = [str(sheet["user_id"]) for sheet in sheets if test(sheet, now)]
        _put(header, users)
        return {"accepted": len(users), "rejected": 0}

    return each


def work_users(body: Mapping[str, Any]) -> None:
    """The job ``bulk_users``, ``{account, id, chunk, rows: [[line, user id]]}``: a chunk of friends by id."""
    account = accounts.get_account(body["account"])
    header, name = jobs.header(account.id, body["id"]), f"{int(body['chunk']):06d}"
    if not jobs.chunk_done(header, name):
        rows: list[tuple[int, str]] = [(int(line), str(user)) for line, user in body["rows"]]
        sheets = friends.load_many(account.id, account.shards, [user for _, user in rows])
        known = {user for user, sheet in sheets.items() if sheet["status"] != "erased"}
        wrong = [_wrong(line, user, sheets.get(user)) for line, user in rows if user not in known]
        _put(header, sorted(known))
        counts = {"accepted": len(known), "rejected": len(wrong)}
        jobs.finish_chunk(header, name, len(rows), wrong, counts)
    by_shard.add_up(account.id, header.id)


def _wrong(line: int, user: str, sheet: Sheet | None) -> dict[str, Any]:
    why = Reason("no_friend", user=user) if sheet is None else Reason("friend_erased")
    return {"line": line, "user_id": user, "message": why.text("en"), "message_ja": why.text("ja")}


def _put(header: jobs.JobHeader, users: Sequence[str]) -> None:
    props = {"by": header.params["by"], "job": header.id, "then": header.params["then"]}
    at, event_id = header.params["as_of"], f"bulk-{header.id}"
    inbox.put_all(
        [
            FriendEvent(event_id, header.account, user, BULK_ACTION, at, props=props, source="console")
            for user in users
        ]
    )
