"""The audit log: one line for every request that may change something, accepted or refused (docs/access.md).

No route writes its own line. ``access.require`` puts it, as ``asked``, before the route does anything; where
that fails, nothing is done. The middleware at the endpoint says afterwards what came of it. A line that stays
``asked`` is of a process that died in between: then only the data knows how far it came.

A line names a friend at most by their user id: no words, no values, no tokens. What it shows before and after
is of what staff author: documents, broadcasts, accounts, keys.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalice.app import Request

from chalicelib.accounts import audit_store
from chalicelib.accounts.friend_tokens import without_live
from chalicelib.accounts.model import Principal
from chalicelib.gateways import clock
from chalicelib.gateways.control import INSTALLATION
from chalicelib.http.routes import operation_of
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.observability import logger
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

MOST_CHARACTERS = 2_000
"""Of what was before, and of what is after: a line is small. Revisions have the whole."""
_MOST_TARGETS = 50
_MOST_LOOKED_AT = 2_000
"""So many lines are looked at for one page, whatever it asks for."""
_SECRET = re.compile(r"secret|token|password|authorization|api_?key|cookie", re.IGNORECASE)
HIDDEN = "(hidden)"


@dataclass
class Line:
    """The line of the request that is being worked on."""

    partition: str
    sort: str
    fields: dict[str, Any]
    copy_to: str | None = None
    named: bool = False
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)


_current: ContextVar[Line | None] = ContextVar("audit_line", default=None)


def begin(request: Request, principal: Principal, account: str | None) -> None:
    """Put the line of a request that may change something, before it does. ``account``: whose log."""
    line = _line(request, principal, account)
    if line is not None:
        audit_store.put(line.partition, line.sort, line.fields)
        _current.set(line)


def refused(request: Request, principal: Principal, account: str | None) -> None:
    """Put the line of a request that the key's role or account does not allow."""
    line = _line(request, principal, account)
    if line is not None:
        audit_store.put(line.partition, line.sort, line.fields | {"outcome": "refused", "status": 403})


def end(status: int, *, repeated: bool = False) -> None:
    """Say what came of the request whose line was begun here, if any was. Its answer is given in any case."""
    line = _current.get()
    _current.set(None)
    if line is None:
        return
    fields = {"status": status, "outcome": _outcome(status, repeated=repeated), **shown(line.changes)}
    named = {name: line.fields[name] for name in ("action", "target")}
    try:
        audit_store.complete(line.partition, line.sort, named | fields)
        if line.copy_to is not None:
            audit_store.put(line.copy_to, line.sort, line.fields | fields)
    except Exception:  # noqa: BLE001 (a 5xx would say that nothing was done)
        logger.exception("a line of the audit log stays without its outcome")


def drop() -> None:
    """Forget the line of a request that ended in whatever way."""
    _current.set(None)


def note(account: str | None, who: str, action: str, target: str) -> None:
    """Say in the field's words what is done to what; account None: it concerns the whole installation.

    Within a request it names the request's line; what else the request does, and what happens outside of one,
    gets a line of its own.
    """
    line, partition = _current.get(), account or INSTALLATION
    if line is not None and not line.named and line.fields["who"] == who:
        line.named = True
        line.fields |= {"action": action, "target": target[:_LONGEST_TARGET]}
        line.copy_to = partition if partition != line.partition else None
        return
    at = clock.now()
    fields: dict[str, Any] = {"who": who, "action": action, "target": target[:_LONGEST_TARGET]}
    if line is not None:
        fields |= {name: line.fields[name] for name in ("who_name", "request_id") if name in line.fields}
    audit_store.put(partition, _position(at), {"at": iso(at), **fields, "outcome": "done", **_life(at)})


def changed(target: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> None:
    """Remember for the line of this request what of something authored was changed (None: not there)."""
    line = _current.get()
    if line is not None and before != after:
        line.changes[target] = (before, after)


_LONGEST_TARGET = 300


def _line(request: Request, principal: Principal, account: str | None) -> Line | None:
    operation = operation_of(request)
    if operation is None or not operation.is_audited:
        return None
    at = clock.now()
    sort = _position(at)
    fields = {
        "at": iso(at),
        "who": principal.who,
        "who_name": principal.name,
        "action": operation.action_name,
        "target": _target(request, account),
        "outcome": "asked",
        "request_id": _request_id(request) or sort.rpartition("#")[2],
        **_life(at),
    }
    return Line(account or INSTALLATION, sort, fields)


def _position(at: datetime) -> str:
    return f"{iso(at)}#{new_ulid()}"


def _life(at: datetime) -> dict[str, int]:
    days = settings().audit_days
    return {"expires_at": int((at + timedelta(days=days)).timestamp())} if days else {}


def _request_id(request: Request) -> str:
    return str((request.context or {}).get("requestId") or "")[:64]


def _target(request: Request, account: str | None) -> str:
    """What the path names, within the account whose log it is."""
    names = request.uri_params or {}
    path = re.sub(r"{(\w+)}", lambda found: str(names.get(found[1], "")), request.path).removeprefix("/v1/")
    own = f"accounts/{account}/"
    return (path.removeprefix(own) if account else path)[:_LONGEST_TARGET]


def _outcome(status: int, *, repeated: bool) -> str:
    if repeated:
        return "repeated"
    return "done" if status < 400 else "refused" if status == 403 else "failed"


# What is shown of a change


def shown(changes: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    """``before`` and ``after``: the fields that differ; of several things, each under its name. Pure."""
    if not changes:
        return {}
    parts = {target: _difference(*pair) for target, pair in changes.items()}
    if len(parts) == 1:
        before, after = next(iter(parts.values()))
    else:
        before = {target: pair[0] for target, pair in parts.items() if pair[0] is not None}
        after = {target: pair[1] for target, pair in parts.items() if pair[1] is not None}
    fields = {"before": _bounded(before, changes), "after": _bounded(after, changes)}
    return {name: value for name, value in fields.items() if value is not None}


def _difference(before: Any, after: Any) -> tuple[Any, Any]:
    if before is None or after is None:
        return _plain(before), _plain(after)
    names = sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n))
    return (
        _plain({name: before[name] for name in names if name in before}),
        _plain({name: after[name] for name in names if name in after}),
    )


def _plain(value: Any) -> Any:
    """Without secrets, and without what would be a friend's click."""
    return without_live(_hidden(value))


def _hidden(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if _SECRET.search(str(name)) and isinstance(inner, str) else _hidden(inner)
            for name, inner in value.items()
        }
    return [_hidden(inner) for inner in value] if isinstance(value, list) else value


def _bounded(value: Any, changes: Mapping[str, Any]) -> Any:
    if value is None or len(json.dumps(value, ensure_ascii=False)) <= MOST_CHARACTERS:
        return value
    if len(changes) == 1:
        return {"too_large": True, "fields": sorted(value)[:_MOST_TARGETS]}
    return {"too_large": True, "changed": len(changes), "targets": sorted(changes)[:_MOST_TARGETS]}


# Reading


@dataclass(frozen=True)
class Asked:
    """Which lines: of a key (its id), an action or all that begin with it and a dot, of a time."""

    who: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def fits(self, line: Mapping[str, Any]) -> bool:
        """Whether a line within the times is meant."""
        if self.who is not None and line["who"] not in {self.who, f"key:{self.who}"}:
            return False
        action: str = line["action"]
        return self.action is None or action == self.action or action.startswith(f"{self.action}.")


def read(
    accounts: Sequence[str | None], asked: Asked, limit: int, before: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of the lines of these accounts (None: the installation's), newest first, and where to go on."""
    until = min(filter(None, (before, iso(asked.until) if asked.until else None)), default=None)
    since = iso(asked.since) if asked.since else None
    page = max(2, min(100, 500 // len(accounts)))
    logs = [audit_store.newest(account or INSTALLATION, since, until, page) for account in accounts]
    found: list[dict[str, Any]] = []
    last, looked_at = before, 0
    for position, line in heapq.merge(*logs, key=lambda pair: pair[0], reverse=True):
        if position == last:  # where the page before ended, or one line in two logs
            continue
        if len(found) == limit or looked_at == _MOST_LOOKED_AT:
            return found, last
        last, looked_at = position, looked_at + 1
        if asked.fits(line):
            found.append(line)
    return found, None
