"""Friends from LINE: everybody whom LINE lists as a follower becomes a friend, with name and language.

Page by page. What LINE has answered for a page is kept first, then marked, put if absent: whoever asked again
goes on with the stored answer, so all of the job sees one list (``tests/model/test_followers.py``). Each
page's friends go to ``bulk`` in chunks, which fold them like an import that wakes nothing, then ask LINE for
the profiles of those without a name. Whatever is done twice changes nothing the second time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chalicelib.accounts.credentials import line_credentials
from chalicelib.accounts.service import get_account
from chalicelib.friends import profiles
from chalicelib.friends import service as friends
from chalicelib.gateways import clock, line, objects, queues
from chalicelib.gateways.queues import Message
from chalicelib.jobs import kinds
from chalicelib.jobs import service as jobs
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.reasons import Reason
from chalicelib.shared.time_left import TimeLeft
from chalicelib.transfers.imports import DueTimes, fold

JOB = "sync_followers"
_CHUNK = 100
_GROUPS = 30
_THREADS = 10
PROFILES_PER_SECOND = 100
"""In one of at most ten workers of ``bulk``: half of the 2,000 a second that LINE answers for a channel.
https://developers.line.biz/en/reference/messaging-api/#rate-limits
"""


def start(account: str, by: str) -> str:
    """Begin; returns the job's id."""
    params = {"uncounted": True, "groups": _GROUPS, "header": ["user_id", "status"], "fire": False}
    job = jobs.create(account, JOB, by=by, total=0, chunks=0, params=params)
    queues.send("bulk", {"job": JOB, "account": account, "id": job, "page": 0})
    return job


def work(body: dict[str, Any], received: int, due_times: Callable[[str], DueTimes], left: TimeLeft) -> None:
    """The body of a message ``{"job": "sync_followers", …}``: a page of LINE's list, or some of it."""
    job = jobs.header(body["account"], body["id"])
    if job.failure is not None:
        return
    if "users" in body:
        _make_friends(job, body, received, due_times, left)
    elif not job.params.get("cut"):
        _page(job, body)


def refusal(status: int) -> Reason:
    """Why LINE does not list followers."""
    code = {401: "followers_no_token", 403: "followers_not_verified"}.get(status)
    return Reason(code) if code else Reason("followers_refused", status=status)


# A page


def _page(job: jobs.JobHeader, body: dict[str, Any]) -> None:
    name = f"page-{body['page']:05d}"
    kept = jobs.find_chunk(job, name) or _ask(job, name, body)
    if kept is None:
        return
    found = objects.find(kept.result["key"])
    if found is None:
        if not jobs.header(job.account, job.id).params.get("cut"):
            jobs.fail(job.account, job.id, Reason("import_file_gone"))
        return
    users: list[str] = json.loads(found)
    listed, parts = int(body.get("listed", 0)), int(body.get("parts", 0))
    common = {"job": JOB, "account": job.account, "id": job.id}
    chunks = [users[first : first + _CHUNK] for first in range(0, len(users), _CHUNK)]
    messages = [
        Message({**common, "chunk": f"{name}-{n}", "line": listed + n * _CHUNK + 1, "users": chunk})
        for n, chunk in enumerate(chunks)
    ]
    if queues.send_all("bulk", messages):
        raise Unavailable(Reason("queue_refused", what=JOB))
    listed, parts = listed + len(users), parts + len(chunks)
    following = kept.result.get("next")
    if following:
        jobs.set_total(job.account, job.id, listed)
        queues.send(
            "bulk", {**common, "page": body["page"] + 1, "start": following, "listed": listed, "parts": parts}
        )
        return
    jobs.set_chunks(job, listed, parts + body["page"] + 1)
    for key in list(objects.keys(_folder(job))):
        objects.delete(key)


def _ask(job: jobs.JobHeader, name: str, body: dict[str, Any]) -> jobs.Chunk | None:
    """Ask LINE for a page and keep its answer; the one that exists. None: not now, or never."""
    try:
        token = line_credentials(job.account)["channel_access_token"]
        users, following = line.followers(token, body.get("start"))
    except line.Refused as error:
        jobs.fail(job.account, job.id, refusal(error.status))
        return None
    except line.NoAnswer as error:
        if kinds.is_last(body):
            jobs.fail(job.account, job.id, Reason("followers_no_answer", why=str(error)))
        else:
            kinds.retry_later(body, str(error))
        return None
    key = f"{_folder(job)}{name}-{new_ulid()}.json"
    objects.put(key, json.dumps(users).encode(), "application/json")
    jobs.finish_chunk(job, name, 0, result={"key": key} | ({"next": following} if following else {}))
    return jobs.find_chunk(job, name)


def _folder(job: jobs.JobHeader) -> str:
    return f"imports/{job.account}/{job.id}/"


# Its friends


def _make_friends(
    job: jobs.JobHeader,
    body: dict[str, Any],
    received: int,
    due_times: Callable[[str], DueTimes],
    left: TimeLeft,
) -> None:
    """Fold a chunk, then fetch its names; what there is no time for is a message of its own."""
    if jobs.chunk_done(job, body["chunk"]):
        return
    users, first = body["users"], int(body["line"])
    if not body.get("folded"):
        todo = body.get("todo") or range(first, first + len(users))
        rows = [(n, {"user_id": users[n - first], "status": "following"}) for n in todo]
        if rest := fold(job, rows, due_times(job.account), left, again=received > 1):
            queues.send("bulk", {**body, "todo": sorted(rest)})
            return
    nameless = body["nameless"] if "nameless" in body else _nameless(job.account, users)
    unasked, why = _fetch(job.account, nameless, left)
    if unasked and (why is None or not kinds.is_last(body)):
        later = {**body, "folded": True, "nameless": unasked}
        if why is None:
            queues.send("bulk", later)
        else:
            kinds.retry_later(later, why)
        return
    # Whom LINE never answered for keeps no name until the next sync, or the friend's next message.
    jobs.finish_chunk(job, body["chunk"], len(users))


def _nameless(account: str, users: Sequence[str]) -> list[str]:
    sheets = friends.load_many(account, get_account(account).shards, users)
    return [user for user, sheet in sheets.items() if not sheet.get("display_name")]


def _fetch(account: str, users: Sequence[str], left: TimeLeft) -> tuple[list[str], str | None]:
    """Fetch profiles at LINE's pace while there is time; who is left, and what LINE did not answer."""
    with ThreadPoolExecutor(_THREADS) as threads:
        for first in range(0, len(users), _THREADS):
            if first:
                if left.is_over:
                    return list(users[first:]), None
                clock.sleep(_THREADS / PROFILES_PER_SECOND)
            try:
                list(threads.map(lambda user: profiles.fetch(account, user), users[first : first + _THREADS]))
            except line.NoAnswer as error:
                return list(users[first:]), str(error)
    return [], None
