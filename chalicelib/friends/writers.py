"""Writers of many sheets at once register, so that it is known when the last of their writes has landed.

A mark that is a timestamp says little: for ``marks.LONGEST`` nobody knows whether another such write is on
its way, so every question after an import would have to look at all of it again. Whoever is registered marks
by a number instead, and takes the number from the list when all writes have been answered. Numbers only grow.
Which of them are open is read before the table: what a number below the lowest open one has marked is found
there (``tests/model/test_mirror.py``).

One item of an account, ``control`` / ``WRITERS``: ``{next, open: {token: number}}``. A writer that died stays
open until nobody of its time can be alive.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from chalicelib.friends import marks
from chalicelib.gateways import aws, clock, dynamo
from chalicelib.shared.ids import new_ulid, ulid_time
from chalicelib.shared.settings import settings

_SK = "WRITERS"
FORGOTTEN_AFTER = marks.LONGEST
"""After its beginning no invocation of a writer lives, by anybody's clock. Who joins is of the same one: a
process runs one at a time."""


@dataclass
class Writer:
    """A registered writer: its number, and how many blocks of this process write by it."""

    account: str
    token: str
    number: int
    users: int = 0
    is_sure: bool = True
    """Whether all writes so far have been answered."""


_known: dict[str, Writer] = {}
_lock = threading.Lock()
_current: ContextVar[Writer | None] = ContextVar("writer", default=None)


def current(account: str) -> int | None:
    """The number by which this thread marks an account's sheets, if it is registered."""
    writer = _current.get()
    return writer.number if writer is not None and writer.account == account else None


@contextmanager
def registered(account: str) -> Iterator[None]:
    """This thread's writes of sheets under their revision are marked by a number. Threads join by a block of
    their own within the first one's. A block that is left by an error may have a write on its way: its number
    stays open.
    """
    writer = _join(account)
    before = _current.set(writer)
    try:
        yield
    except BaseException:
        writer.is_sure = False
        raise
    finally:
        _current.reset(before)
        _leave(writer)


def _join(account: str) -> Writer:
    with _lock:
        writer = _known.get(account)
        if writer is None:
            writer = _known[account] = _register(account)
        writer.users += 1
        return writer


def _leave(writer: Writer) -> None:
    with _lock:
        writer.users -= 1
        is_last = writer.users == 0
        if is_last and _known.get(writer.account) is writer:
            del _known[writer.account]
    if is_last and writer.is_sure:
        _close(writer.account, [writer.token])


def _register(account: str) -> Writer:
    token = new_ulid()
    request = {
        "Key": _key(account),
        "UpdateExpression": "SET #open.#token = #next, #next = #next + :one",
        "ConditionExpression": "attribute_exists(#next)",
        "ExpressionAttributeNames": {"#open": "open", "#next": "next", "#token": token},
        "ExpressionAttributeValues": {":one": {"N": "1"}},
        "ReturnValues": "UPDATED_NEW",
    }
    answer = dynamo.try_write("update_item", "control", **request)
    if answer is None:
        first = {**_key(account), "open": {"M": {}}, "next": {"N": "1"}}
        dynamo.write_if("put_item", "control", Item=first, ConditionExpression="attribute_not_exists(pk)")
        answer = dynamo.try_write("update_item", "control", **request)
    assert answer is not None
    return Writer(account, token, int(answer["Attributes"]["open"]["M"][token]["N"]))


def lowest_open(account: str) -> int:
    """The lowest number by which a sheet may still be marked that is not found in the table by now. Read
    consistently; writers who cannot be alive are taken from the list.
    """
    answer = aws.client("dynamodb").get_item(
        TableName=settings().table("control"), Key=_key(account), ConsistentRead=True
    )
    found = dynamo.plain_item(answer.get("Item", {}))
    before = clock.now() - FORGOTTEN_AFTER
    dead = [token for token in found.get("open", {}) if ulid_time(token) < before]
    if dead:
        _close(account, dead)
    alive = [int(number) for token, number in found.get("open", {}).items() if token not in dead]
    return min([*alive, int(found.get("next", 1))])


def _close(account: str, tokens: list[str]) -> None:
    names = {f"#t{n}": token for n, token in enumerate(tokens)}
    dynamo.write_if(
        "update_item",
        "control",
        Key=_key(account),
        UpdateExpression="REMOVE " + ", ".join(f"#open.{name}" for name in names),
        ConditionExpression="attribute_exists(#open)",
        ExpressionAttributeNames={"#open": "open", **names},
    )


def _key(account: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": account}, "sk": {"S": _SK}}
