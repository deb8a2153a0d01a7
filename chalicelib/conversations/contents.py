"""What friends sent as pictures, videos, sounds and files, kept because LINE forgets it.

The bytes are in the object store under ``contents/<account>/<user>/<message id>``; what became of each is a
record in ``activities`` under ``CONTENT#<account>#<user>`` / message id (account ids are lower-case, so
no timeline has such a name), ``pending`` from the reaction on. No record: there is nothing to come.

What LINE says a content is came from somebody's phone: only pictures, videos and sounds of well-known types
are served as such; anything else is a file to save, which no browser opens as a page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from chalicelib.accounts.credentials import line_credentials
from chalicelib.accounts.service import get_account
from chalicelib.friends.service import load
from chalicelib.gateways import aws, clock, line, objects
from chalicelib.gateways.dynamo import batch_get, plain_item, to_av, write_if
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso
from chalicelib.sheets.model import erased_at

KINDS = frozenset({"image", "video", "audio", "file"})
MAX_BYTES = 200 << 20
"""Larger ones are not kept; the record says so."""
SHOWN: Mapping[str, frozenset[str]] = {
    "image": frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"}),
    "video": frozenset({"video/mp4", "video/quicktime"}),
    "audio": frozenset({"audio/mp4", "audio/m4a", "audio/x-m4a", "audio/mpeg", "audio/aac", "audio/ogg"}),
}
"""The types that a content of each kind may be served as; ``file``: none."""
_ANYTHING = "application/octet-stream"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def is_kept_by_line(props: Mapping[str, Any]) -> bool:
    """Whether a message's content is at LINE (and not somewhere else on the web)."""
    raw = props.get("raw")
    provider = (raw if isinstance(raw, dict) else {}).get("contentProvider")
    kept = not isinstance(provider, dict) or provider.get("type", "line") == "line"
    return kept and props.get("message_type") in KINDS and bool(props.get("message_id"))


def object_key(account: str, user: str, message_id: str) -> str:
    """Where the bytes of a message are."""
    return f"contents/{account}/{quote(user, safe='')}/{quote(message_id, safe='')}"


def find_many(account: str, user: str, message_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """``{message id: {"status": "pending"|"stored"|"gone", "kind", "key"?, "content_type"?, "bytes"?,
    "why"?, "at"}}``.
    """
    if not message_ids:
        return {}
    items = batch_get("activities", [_key(account, user, name) for name in dict.fromkeys(message_ids)])
    return {record.pop("message_id"): record for record in map(_record, items)}


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


def served_as(kind: str, content_type: str, message_id: str) -> tuple[str, str | None]:
    """The type a content is served as, and its ``Content-Disposition``: none, or that it is to be saved."""
    plain = content_type.partition(";")[0].strip().lower()
    if plain in SHOWN.get(kind, ()):
        return plain, None
    name = _NOT_IN_A_NAME.sub("_", message_id)[:100].strip("._") or "content"
    return _ANYTHING, f'attachment; filename="{name}"'


def url(message_id: str, record: Mapping[str, Any], life_s: int) -> str:
    """Where a stored content can be read for so many seconds."""
    kind = str(record.get("kind", "file"))
    content_type, disposition = served_as(kind, str(record.get("content_type", "")), message_id)
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
        _store(account, user, message_id, kind, found)
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
    """Delete all contents of a friend up to a moment (erasing); answers how many records there were."""
    records = [one for one in everything(account, user) if until is None or one["at"] <= until]
    for record in records:
        objects.delete(object_key(account, user, record["message_id"]))
        _delete(account, user, record["message_id"])
    return len(records)


def _store(account: str, user: str, message_id: str, kind: str, found: line.Content) -> None:
    key = object_key(account, user, message_id)
    content_type, disposition = served_as(kind, found.content_type, message_id)
    assert found.body is not None
    with found.body as body:
        size = body.seek(0, 2)
        body.seek(0)
        objects.put(key, body, content_type, disposition)
    record = {"status": "stored", "kind": kind, "key": key, "content_type": content_type, "bytes": size}
    if not _put(account, user, message_id, record, unless="settled"):
        known = find_many(account, user, [message_id]).get(message_id) or {}
        if known.get("status") != "stored":
            objects.delete(key)  # unsent while it was on its way
    if _is_erased(account, user):
        objects.delete(key)
        _delete(account, user, message_id)


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
