"""Values for hostile requests: what the published contract allows, and what is odd. Repeatable by a seed.

They come from the OpenAPI document; where that says only "an object", from what such a field is for.
"""

from __future__ import annotations

import copy
import functools
import random
from collections.abc import Callable
from typing import Any

from app import app
from chalicelib.api import contract, openapi
from tests import messages_corpus
from tests.shop import BUNDLE, NAMES

OPERATIONS = sorted(contract.declared(app.routes), key=lambda o: (o.path, o.method))
DOCUMENT = openapi.document(OPERATIONS)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
IDS = sorted(
    {*NAMES.values(), *(id_ for documents in BUNDLE.values() for id_ in documents), "unknown", "q1", "m"}
)
_MOST = 6

ODD_TEXTS = (
    *(
        "",
        " ",
        "x",
        "0",
        "-1",
        "null",
        "a" * 300,
        "あ" * 3_000,
        "💇🏽‍♀️" * 50,
        "\x00",
        "\r\n",
        "\ufeff",
        "\ufffe\uffff",
    ),
    *(
        "ﷺ" * 500,
        "e\u0301" * 200,
        "\u202e\u200b",
        "{{ friend.display_name }}",
        "{{ event.text | default(",
        "{{{{{{",
    ),
    *(
        "{{ link('spring') }}",
        "=1+1",
        "'; DROP",
        "../../etc",
        "%00",
        "^(a+)+$",
        "(" * 500,
        "[[:alpha:]]",
        "a{1,9999}",
    ),
    *(
        "2026-11-22T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "0900-01-01T00:00:00Z",
    ),
    *(
        "2026-02-30",
        "24:00",
        "99999w",
        "0s",
        "https://[::1",
        "https://例え.jp/✓?a b",
        "javascript:alert(1)",
        "__proto__",
    ),
)
ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        1e308,
        -1e-300,
        10**38,
        10**60,
        9007199254740993,
        1e12,
        [],
        {},
        [[]],
        [None],
    ),
    *(
        {"id": []},
        {"type": {}},
        {"eq": None},
        {"in": [{}]},
        ["vip", "dry"],
        {"": ""},
        {"__proto__": {"x": 1}},
    ),
    *(
        {"within": "7d"},
        {"all": []},
        {"not": {"not": {}}},
        list(range(300)),
        {f"n{n}": n for n in range(200)},
    ),
)


class Dice(random.Random):
    """Chances and choices of one input."""

    def chance(self, percent: float) -> bool:
        """True so often."""
        return self.random() * 100 < percent

    def text(self) -> str:
        """A text: harmless, or odd."""
        if self.chance(60):
            return self.choice(("横浜", "hello", "Aki", "spring", "10:00", "7d", "1h", "2026-11-22", "300"))
        if self.chance(90):
            return self.choice(ODD_TEXTS)
        return "".join(
            chr(self.choice((65, 0x3042, 0x1F487, 0x301, 10, 0x7F))) for _ in range(self.randint(0, 40))
        )

    def identity(self) -> str:
        """An id: of something that exists, or not."""
        return self.choice(IDS) if self.chance(90) else self.choice(ODD_TEXTS)

    def value(self, level: int = 0) -> Any:
        """Any JSON value."""
        pick = self.random()
        if level < 3 and pick < 0.15:
            return [self.value(level + 1) for _ in range(self.randint(0, 3))]
        if level < 3 and pick < 0.3:
            return {self.text()[:20]: self.value(level + 1) for _ in range(self.randint(0, 3))}
        return self.text() if pick < 0.6 else copy.deepcopy(self.choice(ODD))


# Values by their schema


def of_schema(dice: Dice, schema: dict[str, Any], name: str = "", level: int = 0) -> Any:
    """A value that the schema allows, more or less."""
    if "$ref" in schema:
        return of_schema(dice, SCHEMAS[schema["$ref"].rpartition("/")[2]], name, level)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return dice.choice(schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return of_schema(dice, dice.choice(schema[several]), name, level)
    if name in _BY_NAME and dice.chance(95) and schema.get("type") in {"object", "array", None}:
        return _BY_NAME[name](dice)
    kind = schema.get("type")
    return _KINDS.get(kind if isinstance(kind, str) else "", _anything)(dice, schema, name, level)


def _object(dice: Dice, schema: dict[str, Any], name: str, level: int) -> Any:
    properties, needed = schema.get("properties", {}), schema.get("required", ())
    most = 30 if level < 6 else 0
    found = {
        key: of_schema(dice, inner, key, level + 1)
        for key, inner in properties.items()
        if key in needed or dice.chance(most)
    }
    inner = next(iter(schema.get("patternProperties", {}).values()), schema.get("additionalProperties"))
    if not properties and inner is not False:
        inner = inner if isinstance(inner, dict) else {}
        for _ in range(max(schema.get("minProperties", 0), dice.randint(0, 2 if level < 6 else 0))):
            found[dice.identity()] = of_schema(dice, inner, "", level + 1)
    return found


def _array(dice: Dice, schema: dict[str, Any], name: str, level: int) -> Any:
    least = schema.get("minItems", 0)
    most = min(schema.get("maxItems", 3), 3) if level < 6 else least
    singular = name.removesuffix("s")
    return [
        of_schema(dice, schema.get("items", {}), singular, level + 1)
        for _ in range(dice.randint(least, max(least, most)))
    ]


def _string(dice: Dice, schema: dict[str, Any], name: str, level: int) -> Any:
    pattern = str(schema.get("pattern", ""))
    if "a-z0-9" in pattern or name in NAMES or name in {"id", "then", "user_ids", "to"}:
        return dice.identity()
    if pattern.startswith("^([01]"):
        return dice.choice(("09:00", "21:00", "00:00", "23:59"))
    if name in {"at", "from", "until", "start", "followed_at"}:
        return dice.choice(("2026-11-22T06:06:38Z", "2026-12-01T09:00:00+09:00", "2020-01-01T00:00:00Z"))
    if name in {"after", "within", "expires", "half_life", "timeout", "offset", "max_lateness", "max"}:
        return dice.choice(("1h", "7d", "-1d", "30s", "2w", "92d"))
    if name == "type":
        return dice.choice(("custom:trial", "purchased", "reserved", "messaged", "postback"))
    if name in {"event_id", "order_id", "refund_of"}:
        return f"{name}-{dice.randint(0, 50)}"
    if name == "url":
        return dice.choice(("https://salon.example/a?b=c", "https://例え.jp/春", "http://127.0.0.1/"))
    return dice.text()


def _number(dice: Dice, schema: dict[str, Any], _name: str, _level: int) -> Any:
    low, high = schema.get("minimum", -5), schema.get("maximum", 1_000)
    whole = dice.randint(int(low), max(int(low), int(high)))
    return whole if schema.get("type") == "integer" or dice.chance(60) else whole + 0.25


def _anything(dice: Dice, _schema: dict[str, Any], _name: str, level: int) -> Any:
    return dice.value(level)


_KINDS: dict[str, Callable[[Dice, dict[str, Any], str, int], Any]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _number,
    "number": _number,
    "boolean": lambda dice, _schema, _name, _level: dice.chance(50),
    "null": lambda _dice, _schema, _name, _level: None,
}


# What objects without a schema are for


def condition(dice: Dice, level: int = 0) -> Any:
    """A condition of the language."""
    if level < 4 and dice.chance(30):
        key = dice.choice(("all", "any", "not"))
        return {key: condition(dice, level + 1) if key == "not" else _some(dice, condition, level + 1)}
    return copy.deepcopy(dice.choice(_LEAVES))(dice)


def _some(dice: Dice, make: Callable[[Dice, int], Any], level: int) -> list[Any]:
    return [make(dice, level) for _ in range(dice.randint(0, 3))]


def _compare(dice: Dice, operand: Callable[[Dice], Any]) -> dict[str, Any]:
    name = dice.choice(
        ("eq", "ne", "gt", "gte", "lt", "lte", "between", "in", "contains", "starts_with", "exists")
    )
    if name == "between":
        return {name: [operand(dice), operand(dice)]}
    return {name: [operand(dice)] if name == "in" else operand(dice)}


def _figure(dice: Dice) -> Any:
    return dice.choice((0, 1, 3, 0.5, 10**6)) if dice.chance(90) else dice.value()


_LEAVES: tuple[Callable[[Dice], Any], ...] = (
    lambda d: {"everyone": True},
    lambda d: {"tag": "vip" if d.chance(70) else d.identity()},
    lambda d: {
        "tag": {
            "id": "vip",
            "since": {
                d.choice(("within", "before")): d.choice(("7d", "1s", "x", "1mo", "9999y", "last_month"))
            },
        }
    },
    lambda d: {"score": {"id": "interest", **_compare(d, _figure)}},
    lambda d: {
        "attribute": {"id": d.choice(("area", "visits", "birthday", "likes")), **_compare(d, Dice.text)}
    },
    lambda d: {"attribute": {"id": "birthday", d.choice(("in_next", "in_last", "anniversary_in")): "7d"}},
    lambda d: {"event": {"type": "custom:trial", "count": _compare(d, _figure), "within": "7d"}},
    lambda d: {"event": {"type": d.choice(("link_clicked", "postback", "messaged")), "key": d.text()}},
    lambda d: {"purchase": {"count": _compare(d, _figure), "last": {"days_ago": [0, d.choice((3, 10**9))]}}},
    lambda d: {"purchase": {"category": d.text(), "total": _compare(d, _figure)}},
    lambda d: {"stage": d.choice(("dormant", "loyal", {"in": ["prospect"]}))},
    lambda d: {"rfm": {d.choice("rfm"): _compare(d, _figure)}},
    lambda d: {"source": {"first": d.identity()}},
    lambda d: {
        "friend": d.choice(({"status": "following"}, {"linked": False}, {"last_active": {"within": "1d"}}))
    },
    lambda d: {"scenario": {"id": "welcome", "state": d.choice(("active", "never")), "node": "m"}},
    lambda d: {"delivery": {"id": d.identity(), "clicked": True, "within": "7d"}},
    lambda d: {"form": {"id": "skin", "question": "q1", **_compare(d, Dice.text)}},
    lambda d: {"random": {"salt": d.text(), "from": 0, "to": d.choice((0, 50, 100))}},
    lambda d: {"segment": "vips" if d.chance(70) else d.identity()},
    lambda d: {d.identity(): d.value()},
)


def action(dice: Dice, _level: int = 0) -> Any:
    """An action of rules, forms and scenarios."""
    name = dice.choice(
        ("add_tag", "remove_tag", "enter_scenario", "exit_scenario", "start_form", "switch_rich_menu")
    )
    more: tuple[dict[str, Any], ...] = (
        {"add_score": {"score": "interest", "points": dice.choice((1, -2, 0.5))}},
        {"set_attribute": {"attribute": "area", "value": dice.text()}},
        {"reply": {"message": "hello", "push_fallback": dice.chance(50)}},
        {"send": {"message": "hello"}},
        {"record_event": {"name": dice.text()[:20], "props": {"a": dice.text()}}},
        {"notify": {"to": "U1", "text": dice.text()}},
        {"call_webhook": {"url": "https://salon.example/hook"}},
    )
    wanted = {"add_tag": "dry", "remove_tag": "dry", "start_form": "skin", "switch_rich_menu": "main"}
    return {name: wanted.get(name, "welcome")} if dice.chance(50) else dice.choice(more)


@functools.cache
def _objects() -> tuple[Any, ...]:
    corpus = [value for name, value in vars(messages_corpus).items() if name.isupper()]
    found = [value for value in corpus if isinstance(value, dict) and "type" in value]
    every = [one for value in corpus if isinstance(value, list) for one in value]
    return (*found, *(one for one in every if isinstance(one, dict)), {"type": "text", "text": "hello"})


def message(dice: Dice, _level: int = 0) -> Any:
    """A LINE message object."""
    if dice.chance(50):
        return {"type": "text", "text": dice.text()}
    return copy.deepcopy(dice.choice(_objects()))


_BY_NAME: dict[str, Callable[[Dice], Any]] = {
    **dict.fromkeys(("condition", "audience", "if", "exclude"), condition),
    "then": lambda dice: _some(dice, action, 0),
    "messages": lambda dice: _some(dice, message, 0) or [message(dice)],
    "match": lambda dice: {dice.choice(("text", "data", "kind", "tag")): _compare(dice, Dice.text)},
    "props": lambda dice: {dice.text()[:30]: dice.value() for _ in range(dice.randint(0, 3))},
    "attributes": lambda dice: {dice.choice(("area", "visits", "birthday", "likes")): dice.value()},
    "set": lambda dice: {"interest": _figure(dice)},
}
