"""Update expressions over document paths whose names may hold anything (dots, brackets, any language).

PynamoDB reads brackets in a path as list indexes; postback data and page patterns hold brackets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from chalicelib.gateways.dynamo import to_av, write_if

Path: TypeAlias = tuple[str, ...]
"""Names of maps and, at the end, of a value: from the item down."""
Test: TypeAlias = Literal["=", "<>", "<", "<=", ">", ">=", "exists", "absent", "contains", "size<"]


@dataclass(frozen=True)
class Condition:
    """One test of a path of the stored item, e.g. ``Condition(("scenarios", "s", "v"), "<", 3)``."""

    path: Path
    test: Test
    value: Any = None


@dataclass
class Expression:
    """Collects names and values while clauses are written."""

    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def path(self, path: Path) -> str:
        """A path as placeholders."""
        return ".".join(self._name(part) for part in path)

    def value(self, value: Any) -> str:
        """A value as a placeholder."""
        placeholder = f":{len(self.values)}"
        self.values[placeholder] = to_av(value)
        return placeholder

    def update(
        self,
        sets: Iterable[tuple[Path, Any]],
        removes: Iterable[Path],
        adds: Iterable[tuple[Path, Any]] = (),
        deletes: Iterable[tuple[Path, Any]] = (),
    ) -> str:
        """The update expression; ``adds`` and ``deletes`` are numbers or members of sets."""
        clauses = {
            "SET": [f"{self.path(path)}={self.value(value)}" for path, value in sets],
            "REMOVE": [self.path(path) for path in removes],
            "ADD": [f"{self.path(path)} {self.value(value)}" for path, value in adds],
            "DELETE": [f"{self.path(path)} {self.value(value)}" for path, value in deletes],
        }
        return " ".join(f"{verb} {','.join(parts)}" for verb, parts in clauses.items() if parts)

    def condition(self, conditions: Sequence[Condition | Sequence[Condition]]) -> str:
        """Every condition holds; a sequence among them holds when one of it does."""
        return " AND ".join(
            self._test(one)
            if isinstance(one, Condition)
            else "(" + " OR ".join(self._test(alternative) for alternative in one) + ")"
            for one in conditions
        )

    def _test(self, condition: Condition) -> str:
        path = self.path(condition.path)
        if condition.test == "exists":
            return f"attribute_exists({path})"
        if condition.test == "absent":
            return f"attribute_not_exists({path})"
        value = self.value(condition.value)
        if condition.test == "contains":
            return f"contains({path},{value})"
        if condition.test == "size<":
            return f"size({path}) < {value}"
        return f"{path} {condition.test} {value}"

    def _name(self, part: str) -> str:
        for placeholder, name in self.names.items():
            if name == part:
                return placeholder
        placeholder = f"#{len(self.names)}"
        self.names[placeholder] = part
        return placeholder


def update_if(
    table: str,
    key: dict[str, Any],
    expression: Expression,
    update: str,
    conditions: Sequence[Condition | Sequence[Condition]],
) -> bool:
    """Carry out an update (``expression.update``) of a table (its short name) if the conditions hold, all of
    them; False when they do not. ``key`` is as DynamoDB takes it. Raises ClientError.
    """
    request: dict[str, Any] = {"Key": key, "UpdateExpression": update}
    if conditions:
        request["ConditionExpression"] = expression.condition(conditions)
    request["ExpressionAttributeNames"] = expression.names
    if expression.values:
        request["ExpressionAttributeValues"] = expression.values
    return write_if("update_item", table, **request)
