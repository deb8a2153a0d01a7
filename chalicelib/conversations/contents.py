"""What friends sent as pictures, videos, sounds and files: in the chat, kept because LINE forgets it, and as
answers to a form on the web.

The bytes are in the object store under ``contents/<account>/<user>/<message id>``; what became of each is a
record in ``activities`` under ``CONTENT#<account>#<user>`` / message id (account ids are lower-case, so
no timeline has such a name), ``pending`` from the reaction on. No record: there is nothing to come.

What LINE says a content is came from somebody's phone: only pictures, videos and sounds of well-known types
are served as such; anything else is a file to save, which no browser opens as a page.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import IO, Any
from urllib.parse import quote

from chalicelib.accounts.credentials import line_credentials
from chalicelib.accounts.service import get_account
from chalicelib.events.contents import ContentKind
from chalicelib.friends.service import load
from chalicelib.gateways import aws, clock, line, objects
from chalicelib.gateways.dynamo import batch_get, plain_item, to_av, write_if
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso
from chalicelib.sheets.model import erased_at

MAX_BYTES = 200 << 20
"""Larger ones are not kept; the record says so."""
SHOWN: Mapping[str, frozenset[str]] = {
    "image": frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"}),
    "video": frozenset({"video/mp4", "video/quicktime"}),
    "audio": frozenset({"audio/mp4", "audio/m4a", "audio/x-m4a", "audio/mpeg", "audio/aac", "audio/ogg"}),
}
"""The types that a content of each kind may be served as; ``file``: none."""
_LONGEST_NAME = 100
_ANYTHING = "application/octet-stream"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def object_key(account: str, user: str, message_id: str) -> str:
    """Where the bytes of a message are."""
    return f"contents/{account}/{quote(user, safe='')}/{quote(message_id, safe='')}"


def find_many(account: str, user: str, message_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """``{message id: {"status": "pending"|"stored"|"gone", "kind", "key"?, "content_type"?, "bytes"?,
    "name"?, "why"?, "at"}}``.
    """
    found = find_each(account, [(user, name) for name in message_ids])
    return {name: record for (_, name), record in found.items()}


def find_each(account: str, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    """The records of several friends: ``wanted`` are user id and message id."""
    keys = [_key(account, user, message_id) for user, message_id in dict.fromkeys(wanted)]
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for item in batch_get("activities", keys) if keys else ():
        user = item["pk"]["S"].removeprefix(f"CONTENT#{account}#")
        record = _record(item)
        found[user, record.pop("message_id")] = record
    return found


def everything(account: str, user: str) -> list[dict[str, Any]]:
    """Every record of a friend."""
    pages = (
        aws.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=settings().table("activities"),
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": _key(account, user, "")["pk"]},
            ConsistentRead=True,
        )
    )
    return [_record(item) for page in pages for item in page["Items"]]


def announce(account: str, user: str, message_id: str, kind: str) -> None:
    """Note that a content is to come, unless it is known already what became of it."""
    _put(account, user, message_id, {"status": "pending", "kind": kind}, unless="known")


def served_as(kind: str, content_type: str, message_id: str, name: str = "") -> tuple[str, str | None]:
    """The type a content is served as, and its ``Content-Disposition``: none, or that it is to be saved
    (under the ``name`` that it came with).
    """
    plain = content_type.partition(";")[0].strip().lower()
    if plain in SHOWN.get(kind, ()):
        return plain, None
    safe = _NOT_IN_A_NAME.sub("_", message_id)[:_LONGEST_NAME].strip("._") or "content"
    also = f"; filename*=UTF-8''{quote(name, safe='')}" if name else ""
    return _ANYTHING, f'attachment; filename="{safe}"{also}'


def name_of(given: str) -> str:
    """What a file is called, without folders and what no name has; empty when nothing is left."""
    last = re.split(r"[\\/]", given)[-1]
    return "".join(one for one in last if one.isprintable())[-_LONGEST_NAME:].strip()


def url(message_id: str, record: Mapping[str, Any], life_s: int) -> str:
    """Where a stored content can be read for so many seconds."""
    kind = str(record.get("kind", "file"))
    served, name = str(record.get("content_type", "")), str(record.get("name", ""))
    content_type, disposition = served_as(kind, served, message_id, name)
    found: str = objects.download_url(
        record["key"], life_s, content_type=content_type, disposition=disposition
    )
    return found


def fetch(account: str, user: str, message_id: str, kind: str) -> bool:
    """Fetch and keep one content; False when LINE has to be asked again later (``line.NoAnswer`` too)."""
    known = find_many(account, user, [message_id]).get(message_id)
    if (known or _PENDING)["status"] != "pending":
        return True
    if _is_erased(account, user, ever=known is None):
        _delete(account, user, message_id)
        return True
    found = line.content(line_credentials(account)["channel_access_token"], message_id, MAX_BYTES)
    if found.status == 401:
        token = line_credentials(account, refresh=True)["channel_access_token"]
        found = line.content(token, message_id, MAX_BYTES)
    if found.status == 200 and found.body is not None:
        _store(account, user, message_id, kind, found.content_type, found.body)
        if _is_erased(account, user):
            drop(account, user, message_id)
        return True
    if found.status in {400, 403, 404, 410, 413}:
        reasons = {410: Reason("content_unsent"), 413: Reason("content_too_large", mib=MAX_BYTES >> 20)}
        why = reasons.get(found.status, Reason("line_answered_status", status=found.status)).kept()
        _put(account, user, message_id, {"status": "gone", "kind": kind, "why": why}, unless="settled")
        return True
    return False


def forget(account: str, user: str, message_id: str) -> None:
    """Keep nothing of what was unsent, also when it is still on its way here."""
    _put(account, user, message_id, {"status": "gone", "why": "content_unsent"})
    objects.delete(object_key(account, user, message_id))


def delete_all(account: str, user: str, until: str | None = None) -> int:
    """Delete all contents of a friend up to a time (erasing); returns how many records there were."""
    records = [one for one in everything(account, user) if until is None or one["at"] <= until]
    for record in records:
        drop(account, user, record["message_id"])
    return len(records)


def keep(
    account: str,
    user: str,
    message_id: str,
    kind: ContentKind,
    content_type: str,
    data: bytes,
    name: str = "",
) -> None:
    """Keep what a friend has sent to a page of ours, under an id that we have made."""
    _store(account, user, message_id, kind, content_type, io.BytesIO(data), name_of(name))
    sheet = load(account, get_account(account).shards, user)
    if sheet is not None and sheet["status"] == "erased":
        drop(account, user, message_id)


def drop(account: str, user: str, message_id: str) -> None:
    """Keep something no longer that was kept here and is part of nothing any more."""
    objects.delete(object_key(account, user, message_id))
    _delete(account, user, message_id)


def _store(
    account: str,
    user: str,
    message_id: str,
    kind: str,
    given_type: str,
    data: IO[bytes],
    name: str = "",
) -> None:
    key = object_key(account, user, message_id)
    content_type, disposition = served_as(kind, given_type, message_id, name)
    with data as body:
        size = body.seek(0, 2)
        body.seek(0)
        objects.put(key, body, content_type, disposition)
    record = {"status": "stored", "kind": kind, "key": key, "content_type": content_type, "bytes": size}
    record |= {"name": name} if name else {}
    if not _put(account, user, message_id, record, unless="settled"):
        known = find_many(account, user, [message_id]).get(message_id) or {}
        if known.get("status") != "stored":
            objects.delete(key)  # unsent while it was on its way


def _is_erased(account: str, user: str, *, ever: bool = False) -> bool:
    """Whether the friend is erased; ``ever``: or was, and came back (then so was what has no record)."""
    sheet = load(account, get_account(account).shards, user)
    return sheet is None or sheet["status"] == "erased" or (ever and bool(erased_at(sheet)))


def _key(account: str, user: str, message_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"CONTENT#{account}#{user}"}, "sk": {"S": message_id}}


def _record(item: dict[str, Any]) -> dict[str, Any]:
    record = plain_item(item)
    del record["pk"]
    record["message_id"] = record.pop("sk")
    record["at"] = record.pop("noted_at")  # not ``at``: that would list it in the index of activities
    return record


_PENDING: dict[str, Any] = {"status": "pending"}
_UNLESS = {
    "known": "attribute_not_exists(pk)",
    "settled": "attribute_not_exists(pk) OR #status = :pending",
}


def _put(
    account: str, user: str, message_id: str, record: dict[str, Any], *, unless: str | None = None
) -> bool:
    """Write a record, ``unless`` it is ``known`` (whatever it says) or ``settled`` (no more ``pending``)."""
    body = record | {"noted_at": iso(clock.now())}
    request: dict[str, Any] = {
        "Item": _key(account, user, message_id) | {name: to_av(value) for name, value in body.items()},
    }
    if unless is not None:
        request["ConditionExpression"] = _UNLESS[unless]
    if unless == "settled":
        request["ExpressionAttributeNames"] = {"#status": "status"}
        request["ExpressionAttributeValues"] = {":pending": {"S": "pending"}}
    return write_if("put_item", "activities", **request)


def _delete(account: str, user: str, message_id: str) -> None:
    aws.client("dynamodb").delete_item(
        TableName=settings().table("activities"), Key=_key(account, user, message_id)
    )
