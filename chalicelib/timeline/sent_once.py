"""What one chunk sent alike to many is stored once, not on every timeline: ``<account>#SENT#<run>`` / chunk.

DynamoDB bills a write by the size of the item: with a large message in it, a line of the timeline would cost
several units for each friend of a broadcast. A line without its messages names the place (``sent_in``), and
whoever reads the timeline puts them in. It is nobody's own, so erasing friends leaves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.gateways import aws
from chalicelib.gateways.dynamo import batch_get, plain_item, to_av
from chalicelib.shared.settings import settings

Messages = list[dict[str, Any]]


def put(account: str, run: str, chunk: str, messages: Messages) -> None:
    """Keep what a chunk sends; a chunk never sends anything else."""
    item = _key(account, run, chunk) | {"messages": to_av(messages)}
    aws.client("dynamodb").put_item(TableName=settings().table("activities"), Item=item)


def fill(found: Sequence[Mapping[str, Any]]) -> None:
    """Put into the effects of activities the messages that are stored here."""
    effects = [(account, effect) for account, effect in _effects(found) if "sent_in" in effect]
    places = {(account, *effect["sent_in"]) for account, effect in effects}
    items = map(plain_item, batch_get("activities", [_key(*place) for place in sorted(places)]))
    messages = {(item["pk"], item["sk"]): item["messages"] for item in items}
    for account, effect in effects:
        run, chunk = effect.pop("sent_in")
        effect["messages"] = messages.get((_partition(account, run), chunk), [])


def _effects(found: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((one["account"], effect) for one in found for effect in one.get("effects") or ())


def _partition(account: str, run: str) -> str:
    return f"{account}#SENT#{run}"


def _key(account: str, run: str, chunk: str) -> dict[str, Any]:
    return {"pk": {"S": _partition(account, run)}, "sk": {"S": chunk}}
