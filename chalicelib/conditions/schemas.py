"""The condition language as JSON schemas: one union of objects with one key each (docs/conditions.md).

What validates are the own checks of leaves, which say more; a test holds these schemas to them. Programs
make types of them.
"""

from __future__ import annotations

from typing import Any

from chalicelib.conditions import windows

Schema = dict[str, Any]

REF = "#/components/schemas/Condition"
CONDITION: Schema = {"$ref": REF}
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
SCALAR: Schema = {"anyOf": [TEXT, NUMBER, FLAG]}
LENGTH: Schema = {"type": "string", "pattern": r"^\d+([smhdwy]|mo)$"}
WITHIN: Schema = {"anyOf": [LENGTH, {"enum": list(windows.PAST)}]}
ANNIVERSARY: Schema = {"anyOf": [LENGTH, {"enum": list(windows.AHEAD)}]}


def an_object(fields: Schema, needed: tuple[str, ...] = ()) -> Schema:
    """An object of these properties and no others."""
    shape: Schema = {"type": "object", "properties": fields, "additionalProperties": False}
    return {**shape, "required": list(needed)} if needed else shape


def a_list(item: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": item}


def comparison(operand: Schema) -> Schema:
    """Operators over operands of a kind."""
    plain = dict.fromkeys(("eq", "ne", "gt", "gte", "lt", "lte"), operand)
    return {**plain, "between": {**a_list(operand), "minItems": 2, "maxItems": 2}, "in": a_list(operand)}


NUMBERS = an_object(comparison(NUMBER))
AGE = {
    "anyOf": [an_object({"within": WITHIN}, ("within",)), an_object({"before": LENGTH}, ("before",))],
}
DAYS_AGO = an_object({"days_ago": {**a_list(NUMBER), "minItems": 2, "maxItems": 2}}, ("days_ago",))
BOUGHT_AT = {"anyOf": [*AGE["anyOf"], DAYS_AGO]}
VALUES = {
    **comparison(SCALAR),
    "eq": {"anyOf": [SCALAR, a_list(TEXT)]},
    "ne": {"anyOf": [SCALAR, a_list(TEXT)]},
}
ATTRIBUTE = {
    **VALUES,
    **dict.fromkeys(("contains", "starts_with"), TEXT),
    **dict.fromkeys(("has_any", "has_all"), a_list(TEXT)),
    **dict.fromkeys(("in_next", "in_last"), LENGTH),
    "anniversary_in": ANNIVERSARY,
    "exists": FLAG,
}
TEXTS = an_object(comparison(TEXT))
STAGE: Schema = {"enum": ["prospect", "first", "repeat", "loyal", "dormant"]}
STATE: Schema = {"enum": ["active", "finished", "exited", "never"]}


def any_of(*schemas: Schema) -> Schema:
    """One of these."""
    return {"anyOf": list(schemas)}


def delivery(what: str) -> Schema:
    """A delivery that was received, or clicked."""
    return an_object({"id": TEXT, what: FLAG, "within": WITHIN}, (what,))


_GROUPS: dict[str, Schema] = {
    "all": a_list(CONDITION),
    "any": a_list(CONDITION),
    "not": CONDITION,
    "everyone": {"const": True},
    "segment": TEXT,
}


def condition() -> Schema:
    """The schema of a condition: exactly one of these objects."""
    from chalicelib.conditions.model import LEAVES

    kinds = {**_GROUPS, **{name: leaf.schema for name, leaf in LEAVES.items()}}
    return {
        "description": "Who is meant: an object with exactly one key (docs/conditions.md).",
        "oneOf": [an_object({key: value}, (key,)) for key, value in kinds.items()],
    }
