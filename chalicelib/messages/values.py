"""Values of actions with their ``{{ ... }}`` filled in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.actions.kinds import kind_of
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.messages import addresses, expression_kinds, filters
from chalicelib.messages.variables import Scope
from chalicelib.shared.origins import BadAddress
from chalicelib.shared.reasons import Reason, Reasoned, reason_of
from chalicelib.shared.text.template import Expression, TemplateProblem, has_expressions, parse


class NoValue(Reasoned, ValueError):
    """A variable has no value for this friend and event, or a filter refuses it."""


@dataclass(frozen=True)
class Filling:
    """Fills in values for one friend, event and moment."""

    sheet: Mapping[str, Any]
    snapshot: Snapshot
    now: datetime
    event: Mapping[str, Any]
    zone: ZoneInfo

    def action(self, name: str, value: Any) -> Any:
        """An action's value with every variable replaced; an address calls whom its author named."""
        field = kind_of(name).address
        if field is None or not has_expressions(value[field]):
            return self.fill(value)
        others = self.fill({key: inner for key, inner in value.items() if key != field})
        return {**others, field: self._address(value[field])}

    def fill(self, value: Any) -> Any:
        """The value with every variable replaced. A text that is one variable keeps the variable's type."""
        if isinstance(value, str):
            return self._text(value) if has_expressions(value) else value
        if isinstance(value, dict):
            return {name: self.fill(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.fill(inner) for inner in value]
        return value

    def _address(self, text: str) -> str:
        try:
            return addresses.fill(text, lambda part: filters.as_text(self._value(part)))
        except (TemplateProblem, BadAddress) as error:
            raise NoValue(error.reason) from error

    def _text(self, text: str) -> Any:
        try:
            parts = parse(text)
        except TemplateProblem as error:
            raise NoValue(error.reason) from error
        if len(parts) == 1 and isinstance(parts[0], Expression):
            return self._value(parts[0])
        return "".join(
            part if isinstance(part, str) else filters.as_text(self._value(part)) for part in parts
        )

    def _value(self, expression: Expression) -> Any:
        kind = expression_kinds.kind_of(expression)
        scope = Scope(self.sheet, self.snapshot, self.now, self.event)
        value = (kind.in_actions or kind.value)(expression, scope)
        if isinstance(value, Reason):
            raise NoValue(value)
        for used in expression.filters:
            try:
                value = filters.run(used, value, self.zone)
            except (filters.FilterProblem, KeyError, IndexError) as error:
                raise NoValue(filters.refused(expression, reason_of(error))) from error
        if value is None:
            raise NoValue(Reason("no_value", name=expression.name))
        return value
