"""What a run is judged by, written once when its planning begins, in the ``broadcasts`` table. Private.

``account#<broadcast>#runs`` / ``<run>`` the document, the moment, and the name of the parts ·
``account#<run>#parts`` / ``<name>#arm#<arm>`` an arm's message ·
``account#<run>#parts`` / ``<name>#document#<kind>#<id>`` a document of the catalog that judging reads
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from chalicelib.broadcasts.model import Arm, Frozen
from chalicelib.broadcasts.store import RunRecord, put_new
from chalicelib.catalog.service import Document, Snapshot
from chalicelib.catalog.snapshot import Key, body_text
from chalicelib.shared.ids import new_ulid


def freeze(frozen: Frozen, at: str) -> None:
    """Write what a run is judged by, unless it stands.

    The parts first, under a name of this call's own: a run that stands has all of them, from one catalog.
    """
    name = new_ulid()
    pk = f"{frozen.account}#{frozen.run}#parts"
    for arm in frozen.arms:
        RunRecord(pk, f"{name}#arm#{arm.id}", body=arm.body).save()
    for document in frozen.catalog:
        sk = f"{name}#document#{document.kind}#{document.id}"
        RunRecord(pk, sk, text=body_text(document.body), revision=document.revision).save()
    put_new(
        RunRecord(
            f"{frozen.account}#{frozen.broadcast}#runs",
            frozen.run,
            broadcast=frozen.broadcast,
            body=frozen.body,
            parts=name,
            arms=[
                {
                    "id": arm.id,
                    "weight": arm.weight,
                    "static": arm.static,
                    "variant": arm.variant,
                    "goes_at": arm.goes_at,
                }
                for arm in frozen.arms
            ],
            now=frozen.now,
            shards=frozen.shards,
            time_zone=frozen.time_zone,
            revision=frozen.revision,
            start_at=at,
        )
    )


def find_frozen(account: str, broadcast: str, run: str) -> Frozen | None:
    """What a run is judged by, consistent; None before planning began."""
    try:
        record = RunRecord.get(f"{account}#{broadcast}#runs", run, consistent_read=True)
    except RunRecord.DoesNotExist:
        return None
    if not record.now:
        return None
    parts = _parts(account, run, str(record.parts))
    return Frozen(
        account=account,
        broadcast=broadcast,
        run=run,
        body=record.body or {},
        arms=[
            Arm(
                arm["id"],
                float(arm["weight"]),
                parts.messages[arm["id"]],
                arm["static"],
                arm["variant"],
                arm.get("goes_at"),
            )
            for arm in record.arms or []
        ],
        catalog=Snapshot(account, documents=parts.documents),
        now=record.now,
        shards=int(record.shards or 0),
        time_zone=record.time_zone or "UTC",
        revision=int(record.revision or 0),
    )


@dataclass
class _Parts:
    messages: dict[str, dict[str, object]] = field(default_factory=dict)
    documents: dict[Key, Document] = field(default_factory=dict)


def _parts(account: str, run: str, name: str) -> _Parts:
    found = _Parts()
    of_name = RunRecord.sk.startswith(f"{name}#")
    for part in RunRecord.query(f"{account}#{run}#parts", of_name, consistent_read=True):
        _, what, *names = part.sk.split("#")
        if what == "arm":
            found.messages[names[0]] = part.body or {}
        else:
            kind, known_as = names
            body = json.loads(str(part.text))
            found.documents[kind, known_as] = Document(kind, known_as, int(part.revision or 0), body, "")
    return found
