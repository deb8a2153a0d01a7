"""Secrets in documents: kept in the secret store when a document is saved, and only named in the document.

The one place for a secret is ``call_webhook.secret``. What is stored, shown, exported and put back is its
reference, ``secret:<ULID>``; a reference names one value for ever and means nothing in another account.

A reference is bound to its document and to the origin of the address that it signs for: whoever may write a
document cannot have another one's secret sign what goes to a host of their choice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chalicelib.catalog import store
from chalicelib.gateways import secrets
from chalicelib.http.bodies import join_path
from chalicelib.shared.errors import Detail
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.origins import BadAddress, origin_of
from chalicelib.shared.reasons import Reason

_REFERENCE = re.compile(r"secret:([0-9A-HJKMNP-TV-Z]{26})\Z")
_ACTION, _FIELD = "call_webhook", "secret"
MASKED = "(a new secret)"


def name_of(reference: Any) -> str | None:
    """The name in the secret store that a reference names; None for anything else."""
    found = _REFERENCE.match(reference) if isinstance(reference, str) else None
    return found[1] if found else None


def references(value: Any) -> Iterator[str]:
    """The names of all secrets that a document refers to."""
    if isinstance(value, dict):
        called = value.get(_ACTION)
        name = name_of(called.get(_FIELD)) if isinstance(called, dict) else None
        if name:
            yield name
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def unbound(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Detail]:
    """The references in a document that it did not hold for the same origin before: each needs the secret
    itself.
    """
    bound = {(name, _origin(call)) for _, call, name in _signed(before)}
    return [
        Detail(f"{path}.{_FIELD}", Reason("secret_bound"))
        for path, call, name in _signed(after)
        if (name, _origin(call)) not in bound
    ]


def _signed(value: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Every call that names a kept secret: where it is, the call, the secret's name."""
    if isinstance(value, Mapping):
        called: Any = value.get(_ACTION)
        name = name_of(called.get(_FIELD)) if isinstance(called, Mapping) else None
        if name is not None:
            yield join_path(path, _ACTION), called, name
        for key, inner in value.items():
            yield from _signed(inner, join_path(path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _signed(inner, f"{path}[{index}]")


def _origin(call: Mapping[str, Any]) -> str:
    address = str(call.get("url"))
    try:
        return str(origin_of(address))
    except BadAddress:
        return address  # refused anyhow, unless it was there before


class Seals:
    """The secrets of one save."""

    def __init__(self, account_id: str) -> None:
        self._account = account_id
        self._names: dict[str, str] = {}
        self._kept: set[str] = set()

    def sealed(self, body: dict[str, Any] | None) -> dict[str, Any] | None:
        """The body with a reference for each secret that was written out; the same when there is none."""
        changed: dict[str, Any] | None = _replaced(body, self._reference)
        return changed

    def keep(self) -> None:
        """List the secrets, then put them in the store, before any document names them."""
        for value, name in self._names.items():
            if name not in self._kept:
                store.list_secret(self._account, name)
                secrets.put_secret(self._account, name, value)
                self._kept.add(name)

    def _reference(self, value: str) -> str:
        return f"secret:{self._names.setdefault(value, new_ulid())}"


def masked_difference(difference: Mapping[str, Any]) -> dict[str, Any]:
    """A difference of two bodies without the secrets that were written out."""
    path = str(difference["path"])
    shown = dict(difference)
    for side in ("before", "after"):
        if side not in shown:
            continue
        if path.endswith(f"{_ACTION}.{_FIELD}"):
            inner = {_ACTION: {_FIELD: shown[side]}}
            shown[side] = _replaced(inner, _mask)[_ACTION][_FIELD]
        elif path.endswith(_ACTION):
            shown[side] = _replaced({_ACTION: shown[side]}, _mask)[_ACTION]
        else:
            shown[side] = _replaced(shown[side], _mask)
    return shown


def _mask(_value: str) -> str:
    return MASKED


def _replaced(value: Any, instead: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [_replaced(inner, instead) for inner in value]
    if not isinstance(value, dict):
        return value
    found = {name: _replaced(inner, instead) for name, inner in value.items()}
    called = found.get(_ACTION)
    if isinstance(called, dict) and isinstance(called.get(_FIELD), str) and not name_of(called[_FIELD]):
        found[_ACTION] = called | {_FIELD: instead(called[_FIELD])}
    return found
