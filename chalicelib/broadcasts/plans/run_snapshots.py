"""What a run is judged by, written once when its planning begins, in the ``broadcasts`` table. Private.

``account#<broadcast>#runs`` / ``<run>`` the document, the time, and the name of the parts ·
``account#<run>#parts`` / ``<name>#arm#<arm>`` an arm's message ·
``account#<run>#parts`` / ``<name>#document#<kind>#<id>`` a document of the catalog that judging reads
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from chalicelib.broadcasts.model import Arm, RunSnapshot
from chalicelib.broadcasts.store import RunRecord
from chalicelib.catalog.service import Document, Snapshot
from chalicelib.catalog.snapshot import Key, body_text
from chalicelib.gateways import aws
from chalicelib.shared.ids import new_ulid


def freeze(run_snapshot: RunSnapshot, at: str) -> None:
    """Write what a run is judged by, unless it exists.

    The parts first, under a name of this call's own: a run that is stored has all of them, from one catalog.
    """
    name = new_ulid()
    pk = f"{run_snapshot.account}#{run_snapshot.run}#parts"
    for arm in run_snapshot.arms:
        RunRecord(pk, f"{name}#arm#{arm.id}", body=arm.body).save()
    for document in run_snapshot.catalog:
        sk = f"{name}#document#{document.kind}#{document.id}"
        RunRecord(pk, sk, text=body_text(document.body), revision=document.revision).save()
    RunRecord(
        f"{run_snapshot.account}#{run_snapshot.broadcast}#runs",
        run_snapshot.run,
        broadcast=run_snapshot.broadcast,
        body=run_snapshot.body,
        parts=name,
        arms=[
            {
                "id": arm.id,
                "weight": arm.weight,
                "static": arm.static,
                "variant": arm.variant,
                "goes_at": arm.goes_at,
                "at": arm.at,
                "unit": arm.unit,
            }
            for arm in run_snapshot.arms
        ],
        now=run_snapshot.now,
        shards=run_snapshot.shards,
        time_zone=run_snapshot.time_zone,
        revision=run_snapshot.revision,
        start_at=at,
    ).save_new()


def find_run_snapshot(account: str, broadcast: str, run: str) -> RunSnapshot | None:
    """What a run is judged by, consistent; None before planning began. It never changes, so a process asks
    for it until it has found it.
    """
    place = (aws.client("dynamodb"), account, broadcast, run)
    found = _found.get(place) or _read(account, broadcast, run)
    if found is not None and place not in _found:
        for oldest in list(_found)[: 1 - _MOST_FOUND]:
            _found.pop(oldest, None)
        _found[place] = found
    return found


_MOST_FOUND = 4
_found: dict[tuple[Any, str, str, str], RunSnapshot] = {}
"""The last ones that were found, by the client that found them."""


def _read(account: str, broadcast: str, run: str) -> RunSnapshot | None:
    try:
        record = RunRecord.get(f"{account}#{broadcast}#runs", run, consistent_read=True)
    except RunRecord.DoesNotExist:
        return None
    if not record.now:
        return None
    parts = _parts(account, run, str(record.parts))
    return RunSnapshot(
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
                arm.get("at"),
                arm.get("unit"),
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
