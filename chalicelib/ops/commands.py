"""Every command of an operator, as one table: the command line and the Lambda ``ops`` read it.

A command answers a JSON object; ``"ok": false`` says that something is wrong or was not done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.broadcasts import open_runs
from chalicelib.broadcasts import service as broadcasts
from chalicelib.deliveries import limits
from chalicelib.deliveries import service as deliveries
from chalicelib.friends import service as friends
from chalicelib.gateways import clock, line, queues
from chalicelib.heartbeat.workers import recover as recover_all
from chalicelib.ops import line_account, migrations
from chalicelib.ops.doctor import doctor
from chalicelib.ops.restored import restore_check
from chalicelib.privacy import erasure
from chalicelib.shared.errors import Detail, InvalidInput, NotFound
from chalicelib.shared.reasons import Reason, quoted
from chalicelib.shared.settings import QUEUES
from chalicelib.shared.text.redaction import friend_hash
from chalicelib.shared.times import iso
from chalicelib.timers import service as timers
from chalicelib.timers import survey

Answer = dict[str, Any]


@dataclass(frozen=True)
class Argument:
    """One thing a command takes. ``secret``: never on a command line, read from standard input."""

    help: str
    required: bool = True
    choices: tuple[str, ...] | None = None
    secret: bool = False
    number: bool = False


@dataclass(frozen=True)
class Command:
    """``changes``: it takes ``dry_run``, with which it only looks."""

    run: Callable[..., Answer]
    help: str
    takes: Mapping[str, Argument] = field(default_factory=dict)
    changes: bool = False


_ACCOUNT = Argument("the account's id")
_QUEUE = Argument("whose dead letters", choices=QUEUES)


def redrive(queue: str, most: int | None = None, *, dry_run: bool = False) -> Answer:
    """Put a queue's dead letters back into it."""
    waiting = queues.counts(queue)["dlq"]
    answer: Answer = {"queue": queue, "dead_letters": waiting, "dry_run": dry_run, "ok": True}
    if dry_run or not waiting:
        return answer | {"moved": 0}
    moved = queues.redrive(queue, most=most)
    return answer | ({"moved": moved} if moved is not None else {"moved_by": "sqs"})


def feed(account: str, run: str, *, dry_run: bool = False) -> Answer:
    """Feed every chunk of a run that has not come to its end, and keep its broadcast going."""
    accounts.get_account(account)
    still, untried = deliveries.waiting(account, run)
    answer: Answer = {"account": account, "run": run, "open_chunks": still, "untried": untried}
    if not deliveries.chunk_names(account, run) and run not in dict(open_runs.open_runs(account)):
        raise NotFound(Reason("no_run", run=run))
    if dry_run:
        return answer | {"fed": 0, "dry_run": True, "ok": True}
    fed = deliveries.feed_all(account, run)
    kept = broadcasts.ensure_run(account, run)
    return answer | {"fed": fed, "broadcast_moved": kept, "dry_run": False, "ok": True}


def drain(minute: str, *, dry_run: bool = False) -> Answer:
    """Send what is in a minute, or feed what is left of it when it was drained before."""
    try:
        state, entries = survey.look(minute)
    except ValueError as error:
        raise InvalidInput(
            Reason("at", path="minute", why=Reason("minute_form")), [Detail("minute", quoted(str(error)))]
        ) from error
    answer: Answer = {"minute": minute, "state": state, "entries": entries, "dry_run": dry_run, "ok": True}
    if dry_run:
        return answer
    sent = timers.drain(minute, timers.checks()).count
    fed = timers.verify(minute, timers.checks()).count if state == "DRAINED" else 0
    return answer | {"sent": sent, "fed": fed}


def erase(account: str, user: str, *, dry_run: bool = False) -> Answer:
    """Erase a friend for good, as the API does."""
    found = accounts.get_account(account)
    sheet = friends.load(found.id, found.shards, user)
    if sheet is None or sheet["status"] == "erased":
        raise NotFound(Reason("no_such_friend"))
    if not dry_run:
        accounts.audit(account, "ops", "erase", f"friends/{user}")
        erasure.erase(found, user, iso(clock.now()))
    return {"account": account, "friend": friend_hash(user), "erased": not dry_run, "ok": True}


def recover() -> Answer:
    """Feed what is overdue, start executions again, go on with open broadcasts."""
    done = recover_all()
    return {**done, "ok": not done.get("failed")}


def migrate(*, dry_run: bool = False) -> Answer:
    """Do the data migrations that this stage still needs."""
    found = {p.number: p for p in migrations.run(dry_run=dry_run)}
    report = [
        {"number": p.number, "name": p.name, "seen": p.seen, "changed": p.changed, "done": p.done}
        for p in found.values()
    ]
    return {"migrations": report, "dry_run": dry_run, "ok": True}


def quota() -> Answer:
    """Ask LINE what is left of each account's month; also reported as the metric QuotaLeft."""
    report: dict[str, int | str | None] = {}
    for account in accounts.list_accounts():
        try:
            report[account.id] = limits.left(account.id)
        except (line.NoAnswer, NotFound) as error:
            report[account.id] = f"not known ({error})"
    return {"left": report, "ok": not any(isinstance(left, str) for left in report.values())}


def hashed(user: str) -> Answer:
    """The name that a friend has in the logs."""
    return {"friend": friend_hash(user), "ok": True}


COMMANDS: dict[str, Command] = {
    "redrive": Command(
        redrive,
        "put a queue's dead letters back into it",
        {"queue": _QUEUE, "most": Argument("at most so many", required=False, number=True)},
        changes=True,
    ),
    "feed": Command(
        feed,
        "feed a run again: its chunks, and its broadcast",
        {"account": _ACCOUNT, "run": Argument("the run's id")},
        changes=True,
    ),
    "drain": Command(
        drain,
        "send what is in a due minute",
        {"minute": Argument("in UTC, as 2026-11-22T06:06Z")},
        changes=True,
    ),
    "verify": Command(
        line_account.verify, "ask LINE whether token and webhook are right", {"account": _ACCOUNT}
    ),
    "rotate": Command(
        line_account.rotate,
        "put a new channel secret or access token in force",
        {
            "account": _ACCOUNT,
            "channel_secret": Argument("the new secret", required=False, secret=True),
            "channel_access_token": Argument("the new token", required=False, secret=True),
        },
        changes=True,
    ),
    "followers": Command(
        line_account.followers,
        "make everybody known who follows (verified accounts)",
        {"account": _ACCOUNT},
        changes=True,
    ),
    "doctor": Command(
        doctor,
        "look whether the tables hold what they must",
        {"account": Argument("only this account", required=False)},
    ),
    "erase": Command(
        erase, "erase a friend for good", {"account": _ACCOUNT, "user": Argument("the user id")}, changes=True
    ),
    "restore-check": Command(restore_check, "look whether restored tables are as they must be"),
    "recover": Command(recover, "after an outage: feed what is overdue"),
    "migrate": Command(migrate, "change what earlier versions wrote, where it must be", changes=True),
    "quota": Command(quota, "ask LINE what is left of each account's month"),
    "friend-hash": Command(hashed, "the name a friend has in the logs", {"user": Argument("the user id")}),
}


def carry_out(name: str, given: Mapping[str, Any]) -> Answer:
    """Do a command. Raises InvalidInput for what it does not take, and what rooms raise."""
    command = COMMANDS.get(name)
    if command is None:
        raise InvalidInput(quoted(f"there is no command {name!r}; there are {', '.join(sorted(COMMANDS))}"))
    takes = {*command.takes, *(("dry_run",) if command.changes else ())}
    wrong = [Detail(key, Reason("not_taken")) for key in given if key not in takes]
    wrong += [
        Detail(k, Reason("is_missing")) for k, a in command.takes.items() if a.required and not given.get(k)
    ]
    for key, value in given.items():
        wrong += _misfit(key, value, command.takes.get(key))
    if wrong:
        raise InvalidInput(quoted(f"{name}: {wrong[0].path} {wrong[0].message}"), wrong)
    return {"command": name, **command.run(**{k: v for k, v in given.items() if v is not None})}


def _misfit(key: str, value: Any, argument: Argument | None) -> list[Detail]:
    if key == "dry_run":
        return [] if isinstance(value, bool) else [Detail(key, Reason("must_be_boolean"))]
    if argument is None or value is None:
        return []
    if argument.number:
        fits = isinstance(value, int) and not isinstance(value, bool) and value > 0
        return [] if fits else [Detail(key, Reason("whole_above_zero"))]
    if not isinstance(value, str):
        return [Detail(key, Reason("must_be_a_text"))]
    if argument.choices and value not in argument.choices:
        return [Detail(key, Reason("must_be_one_of", choices=list(argument.choices)))]
    return []
