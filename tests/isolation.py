"""Accounts side by side in one installation, and everything that may not pass from one to another.

    python -m tests.isolation [--accounts 20]     (part of make prove)

All accounts hold documents, friends and broadcasts of the same ids, and each has a word of its own in every
text. Ids are the beginnings of each other. Whatever is asked with one account's key holds no other one's
word, and changes and reads nothing of another.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import tests.conftest as world
from app import app
from chalicelib.accounts import service as accounts
from chalicelib.api import contract
from chalicelib.gateways import aws, objects, seam
from chalicelib.http.routes import Operation
from tests import shop
from tests.shop import BUNDLE, KEY, NAMES, HttpAnswer, ask, path_of

IDS = ("a", "a-b", "1", "a_b", "ab", "a-b-c", "11", "a--b")
IN = "/v1/accounts/{account}"
OPERATIONS = [o for o in contract.declared(app.routes) if o.role is not None]
QUERIES = {"/reports/cross": "?rows=stage&cols=source"}
"""What a read cannot do without."""
READS = [o for o in OPERATIONS if o.method == "GET"]
_ORDER = ("POST", "PUT", "PATCH", "DELETE")
WRITES = sorted((o for o in OPERATIONS if o.method != "GET"), key=lambda o: _ORDER.index(o.method))
_READING = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:Scan")


def word_of(account: str) -> str:
    """What stands in every text of an account, and nowhere else."""
    return f"mk{account.encode().hex()}zz"


def names(count: int) -> list[str]:
    """Ids of so many accounts: the interesting ones first."""
    return [*IDS, *(f"a-b{n}" for n in range(count))][:count]


@dataclass
class Town:
    """Accounts, what their doors said of things made, and what crossed the queues and logs."""

    accounts: list[str]
    made: dict[str, dict[str, str]] = field(default_factory=dict)
    cursors: dict[str, dict[str, str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    read_of: set[str] = field(default_factory=set)

    def others(self, account: str) -> list[str]:
        """The words of everybody else."""
        return [word_of(other) for other in self.accounts if other != account]

    def clean(self, account: str, text: str, where: str) -> None:
        """Note a fault when another account's word stands in what is this account's."""
        found = [word for word in self.others(account) if word in text]
        if found:
            self.faults.append(f"{where}: {found} in what is {account}'s: {text[:300]}")


def key_of(account: str) -> str:
    """The text of an account's admin key."""
    return f"the-key-of-{account}"


def marked(value: Any, word: str) -> Any:
    """A bundle in which every name, text and address holds the word."""
    if isinstance(value, dict):
        return {n: _text(n, v, word) if isinstance(v, str) else marked(v, word) for n, v in value.items()}
    return [marked(inner, word) for inner in value] if isinstance(value, list) else value


def _text(name: str, text: str, word: str) -> str:
    if name == "url":
        return f"{text}/{word}"
    return f"{text} {word}" if name in {"name", "text", "folder"} else text


@contextmanager
def a_town(ids: list[str]) -> Iterator[Town]:
    """The accounts, each with a document of every kind, friends, jobs, timelines and broadcasts."""
    town = Town(ids)
    with world.emulated_aws(), seam.guarded(_watching(town)), _logs(town):
        accounts.ensure_key("town-admin", "town", "admin", None, KEY)
        for account in ids:
            accounts.ensure_key(f"k-{account}", f"key {word_of(account)}", "admin", account, key_of(account))
            _fill(town, account)
        assert shop.work_off() == []
        yield town


def _watching(town: Town) -> seam.Guard:
    """The shop's outside world; besides, each queued message and each read is looked at."""

    def guard(name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        if name in _READING:
            town.read_of |= set(_partitions(detail))
        if name == "sqs:SendMessageBatch":
            for entry in detail["Entries"]:
                _look_at_message(town, str(detail["QueueUrl"]), entry)
        return shop.outside(name, detail, call)

    return guard


def _look_at_message(town: Town, queue: str, entry: Mapping[str, Any]) -> None:
    body = json.loads(entry["MessageBody"])
    owners = {inner.get("account") or inner.get("account_id") for inner in body.get("entries") or [body]}
    if owners == {None}:
        return  # the installation's own: a minute's tasks
    (owner,) = owners
    town.clean(owner, entry["MessageBody"], f"a message of {queue}")
    group = str(entry.get("MessageGroupId"))
    if group.partition("#")[0] != owner and not queue.endswith(".fifo"):
        town.faults.append(f"a message of {queue} for {owner} has the group {group}")


def _partitions(detail: Mapping[str, Any]) -> Iterator[str]:
    """The accounts in whose partitions a call reads."""
    text = json.dumps(detail, default=str)
    for found in json.JSONDecoder().decode(f"[{text}]"):
        yield from _keys(found)


def _keys(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for inner_name, inner in value.items():
            yield from _keys(inner, name if inner_name == "S" else inner_name)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner, name)
    elif isinstance(value, str) and (name in {"pk", "sk"} or name.startswith(":")):
        yield value.partition("#")[0]


@contextmanager
def _logs(town: Town) -> Iterator[None]:
    """Each log line that names an account holds no other one's word."""

    class Look(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            account = getattr(record, "account", None)
            if isinstance(account, str) and account in town.accounts:
                town.clean(account, str(vars(record)), "a log line")

    look, logger = Look(), logging.getLogger("todoku")
    logger.addHandler(look)
    try:
        yield
    finally:
        logger.removeHandler(look)


def _fill(town: Town, account: str) -> None:
    base, word, key = f"/v1/accounts/{account}", word_of(account), key_of(account)

    def do(method: str, path: str, body: Any, **headers: str) -> HttpAnswer:
        answer = ask(method, path, body, headers, key=key)
        assert answer.status < 300, (account, method, path, answer.status, answer.raw)
        return answer

    channel = {"channel_secret": f"secret-{word}", "channel_access_token": f"token-{word}", "shards": 1}
    do("PUT", base, {"name": word, "liff_id": f"1655000000-{word}", **channel})
    do("POST", f"{base}/catalog/apply", marked(BUNDLE, word))
    do("PUT", f"{base}/forms/skin", marked(BUNDLE["forms"]["skin"] | {"web": True}, word))
    csv = f"user_id,display_name,tags,attribute.area\nU1,{word},vip,{word}\nU2,{word},dry,\nU3,{word},,\n"
    job = do("POST", f"{base}/friends/import", csv, **{"Content-Type": "text/csv"}).body["job_id"]
    do("PUT", f"{base}/broadcasts/b1", {"name": word, "audience": {"tag": "vip"}, "message": "hello"})
    do("PUT", f"{base}/broadcasts/b2", {"name": word, "audience": {"tag": "vip"}, "message": "hello"})
    do("POST", f"{base}/scenarios/welcome/publish", {})
    assert shop.work_off() == []
    event = {"event_id": "e1", "user_id": "U1", "type": "custom:trial", "props": {"kind": "aa", "w": word}}
    do("POST", f"{base}/events", event)
    items = [{"product": word, "category": word, "quantity": 1, "amount": 5}]
    order = {"order_id": "o1", "user_id": "U1", "at": "2026-11-22T00:00:00Z", "amount": 5, "items": items}
    do("POST", f"{base}/purchases", order)
    do("POST", f"{base}/friends/U1/messages", {"messages": [{"type": "text", "text": word}]})
    do("POST", f"{base}/scenarios/welcome/enroll", {"user_ids": ["U1", "U2"]})
    do("POST", f"{base}/broadcasts/b1/test", {"user_ids": ["U1"]})
    do("POST", f"{base}/exports", {})
    made = do("POST", "/v1/keys", {"name": word, "role": "viewer", "account": account}).body["id"]
    town.made[account] = {"job": job, "key": made}


def path_for(town: Town, operation: Operation, account: str, of: str | None = None) -> str:
    """The path of an operation in an account, with the jobs and keys ``of`` another one, if given."""
    return path_of(operation, {**NAMES, **town.made[of or account], "account": account, "message_id": "m1"})


# What must hold


def reads_are_own(town: Town, account: str) -> None:
    """Every read with an account's key answers that account's data, reads nothing of another, and its lists
    go on with their own cursors only."""
    town.cursors[account] = {}
    for operation in READS:
        town.read_of.clear()
        asked = QUERIES.get(operation.path.rpartition("/v1/accounts/{account}")[2], "")
        answer = ask("GET", path_for(town, operation, account) + asked, key=key_of(account))
        if answer.status not in {200, 302, 404}:
            town.faults.append(f"{operation.path} as {account}: {answer.status} {answer.raw[:200]!r}")
        town.clean(account, answer.raw.decode("utf-8", "replace"), f"GET {operation.path}")
        _nothing_read(town, account, f"GET {operation.path}")
        if "cursor" in (operation.query or {}) and answer.status == 200:
            page = ask("GET", path_for(town, operation, account) + "?limit=1", key=key_of(account)).body
            if page["next_cursor"]:
                town.cursors[account][operation.path] = page["next_cursor"]
    listed = ask("GET", "/v1/accounts", key=key_of(account)).body["items"]
    if [item["id"] for item in listed] != [account]:
        town.faults.append(f"{account} is shown the accounts {listed}")


def _nothing_read(town: Town, account: str, where: str) -> None:
    foreign = town.read_of & (set(town.accounts) - {account})
    # GET /v1/accounts reads the list, and shows the asker's own; status counts the runs of all.
    if foreign and where not in {"GET /v1/accounts", "GET /v1/status"}:
        town.faults.append(f"{where} as {account} reads in {sorted(foreign)}")


def foreign_paths_are_refused(
    town: Town, account: str, other: str, operations: Sequence[Operation] = OPERATIONS
) -> None:
    """Every door of another account is 403 (or 404) to this one's key, and nothing of that account is read;
    its jobs are not found and its keys are not this one's, its cursors lead nowhere here."""
    for operation in operations:
        if "{account}" not in operation.path and "{key}" not in operation.path:
            continue
        town.read_of.clear()
        body = None if operation.takes_no_body else {}
        answer = ask(operation.method, path_for(town, operation, other), body, key=key_of(account))
        where = f"{operation.method} {operation.path} of {other} as {account}"
        if answer.status not in {403, 404}:
            town.faults.append(f"{where}: {answer.status} {answer.raw[:200]!r}")
        town.clean(account, answer.raw.decode(), where)
        _nothing_read(town, account, where)
        if "{job}" in operation.path:
            mine = ask(operation.method, path_for(town, operation, account, of=other), key=key_of(account))
            if mine.status != 404:
                town.faults.append(f"{where}: its job is found here: {mine.raw[:200]!r}")
    for path, cursor in town.cursors.get(other, {}).items():
        operation = next(o for o in READS if o.path == path)
        if "{account}" in path:
            here = f"{path_for(town, operation, account)}?limit=1&cursor={cursor}"
            if ask("GET", here, key=key_of(account)).status != 400:
                town.faults.append(f"a cursor of {other} serves {path} of {account}")


def writes_stay_inside(town: Town, account: str, bodies: Mapping[tuple[str, str], Any]) -> None:
    """Every write of an account, and all that its workers make of it, leaves every other account alone."""
    for operation in WRITES:
        if "{account}" not in operation.path or operation.path == IN:
            continue
        body = marked(bodies.get((operation.method, operation.path), {}), word_of(account))
        headers = {"Content-Type": "text/csv"} if operation.path.endswith("s/import") else None
        query = "?erase=true" if "erase" in (operation.query or {}) else ""
        sent = None if operation.takes_no_body else body
        answer = ask(
            operation.method, path_for(town, operation, account) + query, sent, headers, key_of(account)
        )
        town.clean(account, answer.raw.decode(), f"{operation.method} {operation.path}")
    town.faults += [f"dead letter: {letter}" for letter in shop.work_off()]


def contents() -> dict[str, list[str]]:
    """Everything that is stored, by the account of its partition, and all objects, by that of their name."""
    found: dict[str, list[str]] = defaultdict(list)
    dynamodb = aws.client("dynamodb")
    for table in dynamodb.list_tables()["TableNames"]:
        for page in dynamodb.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                text = json.dumps(item, sort_keys=True, default=str, ensure_ascii=False)
                found[item["pk"]["S"].partition("#")[0]].append(f"{table} {text}")
    for key in objects.keys(""):
        found[key.split("/")[1]].append(f"{key} {(objects.find(key) or b'').decode('utf-8', 'replace')}")
    return {account: sorted(items) for account, items in found.items()}


def what_is_stored_is_own(town: Town, stored: Mapping[str, list[str]]) -> None:
    """Timelines, ledgers, jobs, exports and all other items of an account hold its own word, and no other."""
    for account in town.accounts:
        text = "\n".join(stored[account])
        if word_of(account) not in text:
            town.faults.append(f"nothing of {account} is stored")
        town.clean(account, text, "the store")


def _authored(items: list[str]) -> list[str]:
    """Without the mirror, which was asked for by the account's own questions and comes when there is time."""
    return [item for item in items if "mirror/" not in item and "MIRROR" not in item]


def prove(town: Town, pairs: list[tuple[str, str]], bodies: Mapping[tuple[str, str], Any]) -> list[str]:
    """All of it for these pairs; returns the faults."""
    for account in dict.fromkeys(account for pair in pairs for account in pair):
        reads_are_own(town, account)
    at_first, callers = contents(), {account for account, _ in pairs}
    what_is_stored_is_own(town, at_first)
    for account, other in pairs:
        foreign_paths_are_refused(town, account, other)
    asked = contents()
    writer = pairs[0][0]
    for account in town.accounts:
        # Who was refused has it in the own audit log, and nothing else.
        was, now = ([i for i in items[account] if "AUDIT#" not in i] for items in (at_first, asked))
        if was != now or (account not in callers and at_first[account] != asked[account]):
            town.faults.append(f"refused requests have changed {account}")
    writes_stay_inside(town, writer, bodies)
    written = contents()
    what_is_stored_is_own(town, written)
    if written[writer] == asked[writer]:
        town.faults.append("the writes have written nothing")
    changed = [a for a in town.accounts if a != writer and _authored(written[a]) != _authored(asked[a])]
    town.faults += [f"what {writer} wrote has changed {account}" for account in changed]
    return town.faults


def main() -> None:
    """Many accounts; each asks at the doors of the next."""
    from tests.contract.test_audit import BODIES

    parser = argparse.ArgumentParser(prog="python -m tests.isolation", description=__doc__)
    parser.add_argument("--accounts", type=int, default=20)
    count = parser.parse_args().accounts
    ids = names(count)
    near = list(itertools.permutations(ids[:4], 2))
    with a_town(ids) as town:
        faults = prove(town, [*near, *itertools.pairwise(ids[3:])], BODIES)
    print("\n".join(faults) or f"{count} accounts, nothing crosses")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
