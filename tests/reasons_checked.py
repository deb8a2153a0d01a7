"""While tests run, every reason is held to the table: its code, its params, their types and order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chalicelib.shared import reasons
from chalicelib.shared.errors import Detail

_made = reasons.Reason.__init__
_TYPES: dict[str, type | tuple[type, ...]] = {
    "int": int,
    "number": (int, float),
    "names": (list, tuple),
    "reason": reasons.Reason,
}


def _checked(self: reasons.Reason, code: str, /, **params: Any) -> None:
    _made(self, code, **params)
    if not params and code not in reasons.table():
        return  # read from what an older version has stored
    known = reasons.table()[code].get("params", {})
    assert list(known) == list(params) or not params, f"{code} has {list(known)}, not {list(params)}"
    for name, value in params.items():
        wanted = _TYPES.get(known[name], str)
        assert isinstance(value, wanted), f"{code}: {name} is {known[name]}, not {value!r}"
        assert wanted is not int or not isinstance(value, bool), f"{code}: {name} is a flag"


def hold() -> None:
    """From now on."""
    reasons.Reason.__init__ = _checked  # type: ignore[method-assign]


def in_words(value: Any) -> Any:
    """Stored lines (in lists, in a decision) with each ``why`` as its English sentence."""
    if isinstance(value, list):
        return [in_words(one) for one in value]
    if not isinstance(value, dict):
        return value
    plain = {name: in_words(one) for name, one in value.items()}
    return plain | {n: str(reasons.Reason.of(value[n])) for n in ("why", "history") if value.get(n)}


def words(line: Any) -> str | None:
    """The ``why`` of a line, stored or answered, as its English sentence."""
    return None if line.get("why") is None else str(reasons.Reason.of(line["why"]))


def sentences(found: Iterable[Detail]) -> list[str]:
    """Details as English sentences behind their paths."""
    return [detail.sentence for detail in found]


def plain(code: str) -> dict[str, Any]:
    """A reason without params as answers have it."""
    return {"why": code, "reason": {"code": code, "params": {}}}
