"""The one vocabulary of actions (``then``): rules, scenario nodes, routes and forms all speak it.

The actions are entries of a table (``actions/kinds.py``), declared by the rooms that own them. This reads
lists of them: what they look like, what they refer to and what in them can never work. Text in it may hold
``{{ event.text }}``, ``{{ attribute.skin }}`` and the other variables of messages; a value that is one
variable and nothing else keeps the variable's type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from chalicelib.actions.kinds import ACTIONS, parts
from chalicelib.actions.texts import expressions
from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.messages.variables import KINDS, problem
from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.template import (
    DOCUMENTS,
    Expression,
    TemplateProblem,
    has_expressions,
    parse,
    strings,
)

MAX_ACTIONS = 30


class _OneKey(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _one_key(self) -> _OneKey:
        if len(self.model_fields_set) != 1 or getattr(self, next(iter(self.model_fields_set))) is None:
            raise ValueError(Reason("one_action_of", known=list(type(self).model_fields)))
        return self


if TYPE_CHECKING:
    Action = _OneKey
else:
    Action = create_model(
        "Action",
        __base__=_OneKey,
        __doc__="One action: exactly one of the keys.",
        **{name: (kind.model | None, None) for name, kind in ACTIONS.items() if kind.model is not None},
    )

Actions = Annotated[list[Action], Field(max_length=MAX_ACTIONS)]


def references(then: Sequence[Mapping[str, Any]], path: str = "then") -> Iterable[Reference]:
    """Every document that the actions name, in themselves and in their variables."""
    for index, action in enumerate(then):
        name, value = parts(action)
        here = f"{path}[{index}].{name}"
        yield from ACTIONS[name].references(value, here)
        for where, expression in expressions(value, here):
            if expression.kind in DOCUMENTS:
                yield Reference(where, DOCUMENTS[expression.kind], expression.name)
            elif expression.kind == "variable" and expression.path[0] in KINDS and len(expression.path) == 2:
                yield Reference(where, KINDS[expression.path[0]], expression.path[1])


def check(then: Sequence[Mapping[str, Any]], snapshot: Snapshot, path: str = "then") -> Iterable[Detail]:
    """What in the actions can never work, with its path."""
    for index, action in enumerate(then):
        name, value = parts(action)
        here = f"{path}[{index}].{name}"
        yield from _template_problems(value, here)
        yield from ACTIONS[name].check(value, snapshot, here)


def _template_problems(value: Any, here: str) -> Iterator[Detail]:
    for where, _, text in strings(value, here):
        if not has_expressions(text):
            continue
        try:
            found = parse(text)
        except TemplateProblem as error:
            yield Detail(where, error.reason)
            continue
        for part in found:
            wrong = problem(part) if isinstance(part, Expression) else None
            if wrong:
                yield Detail(where, wrong)
