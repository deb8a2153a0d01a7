"""Requests to every door: what the published contract allows, spoilt here and there; repeatable by a seed."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from chalicelib.catalog import yaml_text
from chalicelib.http.pages import encode_cursor
from chalicelib.http.routes import Operation
from tests.hostile_values import (
    DOCUMENT,
    OPERATIONS,
    Dice,
    of_schema,
)
from tests.shop import BUNDLE, NAMES, signed

GOLDEN = [
    json.loads(path.read_text(encoding="utf-8"))["event"]
    for path in sorted((Path(__file__).parent / "contract" / "golden").glob("*.json"))
]


@dataclass(frozen=True)
class Request:
    """One request, ready to be sent."""

    endpoint: str
    method: str
    target: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = self.body[:2_000].decode("utf-8", "backslashreplace")
        return f"{self.method} {self.target[:500]} {self.headers} ({len(self.body)} bytes) {shown}"


# Spoiling


def spoil(dice: Dice, value: Any) -> Any:
    """The value with something odd somewhere."""
    places = list(_places(value))
    if not places:
        return dice.value()
    inside, name = dice.choice(places)
    pick = dice.random()
    if pick < 0.5:
        inside[name] = dice.value()
    elif pick < 0.6 and isinstance(inside, dict):
        inside[dice.text()[:50]] = inside.pop(name)
    elif pick < 0.7 and isinstance(inside, dict):
        del inside[name]
    elif pick < 0.8:
        inside[name] = [inside[name]] * dice.choice((1, 2, 50))
    elif pick < 0.9 and isinstance(inside[name], str):
        inside[name] *= dice.choice((2, 10, 1_000))
    else:
        inside[name] = _deep(inside[name], dice.choice((1, 5, 40)))
    return value


def _places(value: Any) -> Any:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, child in list(children):
        yield value, name
        yield from _places(child)


def _deep(value: Any, levels: int) -> Any:
    for n in range(levels):
        value = [value] if n % 2 else {"all": value}
    return value


def _bytes(dice: Dice, value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=dice.chance(50))
    if dice.chance(4):
        at = dice.randrange(len(text) + 1)
        text = text[:at] + dice.choice(_ODD_TOKENS) + text[at + dice.randint(0, 2) :]
    return text.encode("utf-8", "surrogatepass")


_ODD_TOKENS = ("9" * 400, '"a":1,"a":2,', "NaN", "[" * 200, "{", '"\\ud83d"', "\\", "1e999", "\x00", ",", "é")


# Requests


def request(dice: Dice) -> Request:
    """One request to one of the doors."""
    pick = dice.random()
    if pick < 0.10:
        return _webhook(dice)
    if pick < 0.14:
        return _import(dice)
    if pick < 0.19:
        return _bundle(dice)
    return _declared(dice, dice.choice(OPERATIONS))


def _declared(dice: Dice, operation: Operation) -> Request:
    names = {name: _name(dice, name) for name in NAMES} | {"job": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}
    if operation.method == "DELETE":
        names["user"] = "U3"  # an erased friend says nothing more
    if (operation.method, operation.path) == ("PUT", "/v1/accounts/{account}"):
        names["account"] = "extra"
    path = operation.path
    for part in [p for p in path.split("/") if p.startswith("{")]:
        path = path.replace(part, quote(names.get(part[1:-1], dice.identity()), safe=""))
    body = b""
    if operation.request is not None:
        body = _bytes(dice, _maybe_spoilt(dice, of_schema(dice, _schema(operation))))
    return Request(
        f"{operation.method} {operation.path}",
        operation.method,
        path + _query(dice, operation),
        body,
        _headers(dice),
    )


def _name(dice: Dice, name: str) -> str:
    if name in {"user", "user_id"}:
        return dice.choice(("U1", "U1", "U2", "U3", "U9")) if dice.chance(95) else dice.text()
    if name == "account":
        return "shop" if dice.chance(97) else dice.identity()
    return NAMES[name] if dice.chance(80) else dice.identity()


def _schema(operation: Operation) -> dict[str, Any]:
    shown = DOCUMENT["paths"][operation.path][operation.method.lower()]
    schema: dict[str, Any] = next(iter(shown["requestBody"]["content"].values()))["schema"]
    return schema


def _maybe_spoilt(dice: Dice, value: Any) -> Any:
    for _ in range(dice.choice((0, 0, 1, 1, 2))):
        value = spoil(dice, value)
    return value


_QUERY: dict[str, tuple[str, ...]] = {
    "limit": ("1", "2", "50", "200", "0", "201", "1e3", "１"),
    "wait": ("false", "true", "yes"),
    "erase": ("true", "false"),
    "fire": ("true", "false"),
    "unknown": ("attribute", "x"),
    "segment": ("vips", "unknown", "%00"),
    "tag": ("vip", "unknown"),
    "status": ("pending", "skipped", "x"),
    "days": ("1", "90", "91"),
    "format": ("json", "yaml", "x"),
}


def _query(dice: Dice, operation: Operation) -> str:
    given: list[tuple[str, str]] = []
    for name in operation.query or ():
        if dice.chance(30):
            given.append(
                (
                    name,
                    _cursor(dice) if name == "cursor" else dice.choice((*_QUERY.get(name, ()), dice.text())),
                )
            )
    if dice.chance(3):
        given += [(dice.text()[:40], dice.text())] * dice.choice((1, 2, 300))
    return "?" + urlencode(given, errors="surrogatepass") if given else ""


def _cursor(dice: Dice) -> str:
    names = ("list", "after", "at", "event_id", "shard", "version", "before", "part", "skip", "chunk", "id")
    position = {dice.choice(names): dice.value() for _ in range(dice.randint(1, 4))}
    return encode_cursor(position) if dice.chance(80) else dice.text()


def _headers(dice: Dice) -> dict[str, str]:
    given: dict[str, str] = {}
    if dice.chance(8):
        given["Idempotency-Key"] = dice.choice(("k1", "k2", f"k{dice.randint(0, 500)}", "a b", "x" * 300))
    if dice.chance(5):
        given["If-Match"] = dice.choice(("1", '"2"', "*", "-1", "9" * 50))
    if dice.chance(2):
        given["Content-Type"] = dice.choice(
            ("application/json; charset=utf-8", "text/plain", "application/yaml", "")
        )
    if dice.chance(1):
        given["Authorization"] = dice.choice(("", "Bearer x", "Basic eA==", "Bearer " + "x" * 9_000))
    if dice.chance(1):
        given["Content-Encoding"] = "gzip"
    return given


def _webhook(dice: Dice) -> Request:
    events = [copy.deepcopy(dice.choice(GOLDEN)) for _ in range(dice.randint(0, 3))]
    for event in events:
        event["webhookEventId"] = f"E{dice.randint(0, 10**9)}"
        if isinstance(event.get("source"), dict) and "userId" in event["source"]:
            event["source"]["userId"] = dice.choice(("U1", "U2", "U4"))
        if isinstance(event.get("message"), dict) and dice.chance(50):
            event["message"]["text"] = dice.text()
    body = _bytes(dice, _maybe_spoilt(dice, {"destination": "U0", "events": events}))
    headers = signed(body) if dice.chance(97) else {"x-line-signature": dice.text()[:20]}
    return Request("POST /webhook (signed)", "POST", "/webhook/shop", body, headers)


def _import(dice: Dice) -> Request:
    columns = [
        "user_id",
        "display_name",
        "tags",
        "score.interest",
        "attribute.area",
        "attribute.birthday",
        "followed_at",
    ]
    header = [
        *dice.sample(columns, dice.randint(1, len(columns))),
        *([dice.text()] if dice.chance(20) else []),
    ]
    if dice.chance(2):
        header = [f"c{n}" for n in range(dice.choice((999, 1_001, 20_000)))]
    lines = [",".join(header)]
    for n in range(dice.randint(0, 6)):
        cells = [
            dice.text() if dice.chance(50) else f"U{n}"
            for _ in range(len(header[:20]) + dice.choice((0, 0, 0, 1, -1)))
        ]
        lines.append(",".join(f'"{cell}"' if dice.chance(70) else cell for cell in cells))
    text = dice.choice(("\r\n", "\n", "\r")).join(lines)
    coding = dice.choice(("utf-8", "utf-8-sig", "utf-16", "cp932"))
    query = dice.choice(("", "?fire=true", "?unknown=attribute"))
    headers = {"Content-Type": "text/csv", **_headers(dice)}
    return Request(
        "POST friends/import (CSV)",
        "POST",
        f"/v1/accounts/shop/friends/import{query}",
        text.encode(coding, "replace"),
        headers,
    )


def _bundle(dice: Dice) -> Request:
    kinds = dice.sample(sorted(BUNDLE), dice.randint(1, 3))
    bundle = _maybe_spoilt(dice, {kind: copy.deepcopy(BUNDLE[kind]) for kind in kinds})
    try:
        text = yaml_text.write(bundle)
    except Exception:
        text = json.dumps(bundle)
    if dice.chance(20):
        at = dice.randrange(len(text) + 1)
        text = text[:at] + dice.choice(_ODD_YAML) + text[at:]
    where = dice.choice(("plan", "apply"))
    headers = {**_headers(dice), "Content-Type": "application/yaml"}
    return Request(
        f"POST catalog/{where} (YAML)",
        "POST",
        f"/v1/accounts/shop/catalog/{where}",
        text.encode("utf-8", "replace"),
        headers,
    )


_ODD_YAML = (
    *(
        "&a ",
        "*a",
        "<<: *a\n",
        "? ",
        "- ",
        ": ",
        "!!binary ",
        "!!set ",
        "---\n",
        "...\n",
        "\t",
        "|\n",
        "%YAML 1.1\n",
        "{{",
    ),
    *(
        "a: &x [" + "1," * 5_000 + "]\nb: [" + "*x," * 5_000 + "]\n",
        "[" * 300,
        '"\\ud83d"',
        "9" * 400,
        "a: &a [*a]\n",
    ),
)
