"""Documents that are paused by the house: each has a document beside it, of the kind ``stopped-<kind>``,
so that it stops with the next revision of the catalog. Whoever carries such documents out asks ``reason``.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from chalicelib.catalog import service as catalog
from chalicelib.catalog.kinds import DocumentKind
from chalicelib.catalog.service import Write
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.gateways import clock
from chalicelib.shared.errors import Conflict
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso


class Stopped(BaseModel):
    """Of a document that is paused: since when, and why."""

    model_config = ConfigDict(extra="forbid")

    at: str
    reason: str


class State(BaseModel):
    """Whether a document is carried out: ``active``, ``disabled``, or ``paused`` with the
    ``status_reason``."""

    status: Literal["active", "disabled", "paused"]
    status_reason: str | None = None


def kind_of(kind: str) -> str:
    """The kind of the documents that represent those of a kind that are paused."""
    return f"stopped-{kind}"


def document_kind(kind: str) -> dict[str, DocumentKind]:
    """The entry of a table of documents; no author writes these."""
    name = kind_of(kind)
    return {name: DocumentKind(name, Stopped, named_as=kind)}


def reason(kind: str, id_: str, snapshot: Snapshot) -> str | None:
    """Why a document is paused; None: it is not."""
    stopped = snapshot.find(kind_of(kind), id_)
    return str(stopped.body["reason"]) if stopped else None


def state(kind: str, id_: str, snapshot: Snapshot) -> dict[str, Any]:
    """What is true of a document beside its body, as ``State``."""
    why = reason(kind, id_, snapshot)
    enabled = snapshot.get(kind, id_).body.get("enabled", True)
    return {"status": "paused" if why else "active" if enabled else "disabled", "status_reason": why}


def pause(account: str, kind: str, id_: str, by: str, why: str) -> bool:
    """Have a document carried out no more until it is resumed; False when it is paused already, or gone."""
    done, at = False, iso(clock.now())

    def writes(seen: Snapshot) -> list[Write]:
        nonlocal done
        done = seen.find(kind, id_) is not None and seen.find(kind_of(kind), id_) is None
        return [Write(kind_of(kind), id_, {"at": at, "reason": why})] if done else []

    catalog.save(account, writes, lambda _: None, by)
    return done


def resume(account: str, kind: str, id_: str, by: str) -> None:
    """Let a document be carried out again. Raises NotFound, and Conflict when it is not paused."""

    def writes(seen: Snapshot) -> list[Write]:
        seen.get(kind, id_)
        if seen.find(kind_of(kind), id_) is None:
            raise Conflict(Reason("document_not_paused", document=f"{kind}/{id_}"))
        return [Write(kind_of(kind), id_, None)]

    catalog.save(account, writes, lambda _: None, by)
