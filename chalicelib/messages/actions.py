"""The one vocabulary of actions (``then``): rules, scenario nodes, routes and forms all speak it.

This says what an action looks like, what it refers to and what in it can never work; running it is the
engine's. Text in it may hold ``{{ event.text }}``, ``{{ attribute.skin }}`` and the other variables of
messages; a value that is one variable and nothing else keeps the variable's type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.friends import values
from chalicelib.friends.scores import VALUE_LIMIT
from chalicelib.friends.values import UnfitValue
from chalicelib.messages import addresses
from chalicelib.messages.template import Expression, TemplateProblem, has_expressions, parse, strings
from chalicelib.messages.variables import KINDS, problem
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Id
from chalicelib.shared.storable import is_storable

MAX_ACTIONS = 30
MAX_TEXT = 5000
CUSTOM_PATTERN = r"^[^\x00-\x1f\x7f]{1,100}$"
"""What may stand behind ``custom:``."""

Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


def _number_or_variable(value: Any) -> Any:
    if isinstance(value, str) and has_expressions(value) and len(value) <= MAX_TEXT:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= VALUE_LIMIT:
        return value
    raise ValueError("must be a number, or a text with a {{ variable }}")


NumberOrVariable = Annotated[Any, AfterValidator(_number_or_variable)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AddScore(_Strict):
    """Points to a score; ``max_per_day`` is the most that the rule adds to one friend's score in a local day.

    All actions of the rule with a ``max_per_day`` for that score share the day.
    """

    score: Id
    points: NumberOrVariable
    max_per_day: Annotated[float, Field(gt=0, le=VALUE_LIMIT)] | None = None


class SetScore(_Strict):
    """A score's new value."""

    score: Id
    value: NumberOrVariable


class SetAttribute(_Strict):
    """An attribute's new value; null removes it."""

    attribute: Id
    value: Any


class Reply(_Strict):
    """A message by reply token, or one of several; ``push_fallback`` pays for a push when it is refused."""

    message: Id | None = None
    any_of: Annotated[list[Id], Field(min_length=2, max_length=20)] | None = None
    choose: Literal["random", "rotate"] | None = None
    push_fallback: bool = False

    @model_validator(mode="after")
    def _one_or_several(self) -> Reply:
        if (self.message is None) is (self.any_of is None):
            raise ValueError("needs either message or any_of")
        if self.choose is not None and self.any_of is None:
            raise ValueError("choose goes with any_of")
        return self


Seconds = Annotated[int, Field(ge=5, le=60, multiple_of=5)]


class Send(_Strict):
    """A message by push; ``loading`` shows for so many seconds at most that it is coming."""

    message: Id
    loading: Seconds | None = None


class Notify(_Strict):
    """A text to staff: ``to`` is a LINE user, group or room id, or an https address."""

    to: Annotated[str, Field(min_length=1, max_length=1000)]
    text: Text


class CallWebhook(_Strict):
    """A signed POST to another system; ``loading`` shows the friend that an answer is coming.

    The secret goes to the secret store when the document is saved; what is kept is a reference to it.
    """

    url: Annotated[str, Field(min_length=1, max_length=1000)]
    secret: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    loading: Seconds | None = None


class RecordEvent(_Strict):
    """A custom event, as if it had come from outside."""

    name: Annotated[str, Field(pattern=CUSTOM_PATTERN)]
    props: dict[str, Any] = {}


class Action(_Strict):
    """One action: exactly one of the keys."""

    add_tag: Id | None = None
    remove_tag: Id | None = None
    add_score: AddScore | None = None
    set_score: SetScore | None = None
    set_attribute: SetAttribute | None = None
    reply: Reply | None = None
    send: Send | None = None
    enter_scenario: Id | None = None
    exit_scenario: Id | None = None
    switch_rich_menu: Id | None = None
    start_form: Id | None = None
    notify: Notify | None = None
    call_webhook: CallWebhook | None = None
    record_event: RecordEvent | None = None

    @model_validator(mode="after")
    def _one_key(self) -> Action:
        if len(self.model_fields_set) != 1 or getattr(self, next(iter(self.model_fields_set))) is None:
            raise ValueError(f"an action has exactly one key of {', '.join(type(self).model_fields)}")
        return self


Actions = Annotated[list[Action], Field(max_length=MAX_ACTIONS)]

_NAMED: dict[str, tuple[str, str]] = {
    "add_tag": ("tags", ""),
    "remove_tag": ("tags", ""),
    "add_score": ("scores", "score"),
    "set_score": ("scores", "score"),
    "set_attribute": ("attributes", "attribute"),
    "reply": ("messages", "message"),
    "send": ("messages", "message"),
    "enter_scenario": ("scenarios", ""),
    "exit_scenario": ("scenarios", ""),
    "switch_rich_menu": ("rich-menus", ""),
    "start_form": ("forms", ""),
}


def parts(action: Mapping[str, Any]) -> tuple[str, Any]:
    """An action's name and its value."""
    for name, value in action.items():
        if value is not None:
            return name, value
    raise ValueError("an action has exactly one key")


def references(then: Sequence[Mapping[str, Any]], path: str = "then") -> Iterable[Reference]:
    """Every document that the actions name, in themselves and in their variables."""
    for index, action in enumerate(then):
        name, value = parts(action)
        here = f"{path}[{index}].{name}"
        if name == "reply" and value.get("any_of"):
            yield from (
                Reference(f"{here}.any_of[{n}]", "messages", one) for n, one in enumerate(value["any_of"])
            )
        elif name in _NAMED:
            kind, field = _NAMED[name]
            yield Reference(f"{here}.{field}" if field else here, kind, value[field] if field else value)
        for where, expression in expressions(value, here):
            if expression.kind == "link":
                yield Reference(where, "links", expression.name)
            elif expression.kind == "variable" and expression.path[0] in KINDS and len(expression.path) == 2:
                yield Reference(where, KINDS[expression.path[0]], expression.path[1])


def check(then: Sequence[Mapping[str, Any]], snapshot: Snapshot, path: str = "then") -> Iterable[Detail]:
    """What in the actions can never work, with its path."""
    for index, action in enumerate(then):
        name, value = parts(action)
        here = f"{path}[{index}].{name}"
        yield from _template_problems(value, here)
        if name == "set_attribute":
            yield from _attribute_problems(value, snapshot, here)
        elif name in addresses.FIELDS:
            yield from _address_problems(name, value[addresses.FIELDS[name]], here)
        elif name == "switch_rich_menu":
            yield from _menu_problems(value, snapshot, here)
        elif name == "start_form":
            document = snapshot.find("forms", value)
            if document is not None and not document.body.get("questions"):
                yield Detail(here, f"forms/{value} has no questions to ask")
        elif name == "record_event" and not is_storable(value.get("props") or {}):
            yield Detail(f"{here}.props", "is nested too deeply or holds a number that cannot be stored")


def _attribute_problems(value: Mapping[str, Any], snapshot: Snapshot, here: str) -> Iterator[Detail]:
    given = value.get("value")
    document = snapshot.find("attributes", value["attribute"])
    if document is None or given is None or any(True for _ in expressions(given, here)):
        return
    try:
        values.check(document.body, given, f"{here}.value")
    except UnfitValue as error:
        yield from error.details


def _menu_problems(menu: str, snapshot: Snapshot, here: str) -> Iterator[Detail]:
    document = snapshot.find("rich-menus", menu)
    if document is not None and not document.body.get("rich_menu_id"):
        yield Detail(here, f"rich-menus/{menu} has no rich_menu_id: make the menu at LINE and enter its id")


def _template_problems(value: Any, here: str) -> Iterator[Detail]:
    for where, _, text in strings(value, here):
        if not has_expressions(text):
            continue
        try:
            found = parse(text)
        except TemplateProblem as error:
            yield Detail(where, str(error))
            continue
        for part in found:
            wrong = problem(part) if isinstance(part, Expression) else None
            if wrong:
                yield Detail(where, wrong)


def expressions(value: Any, here: str) -> Iterator[tuple[str, Expression]]:
    """Every ``(path, expression)`` in the texts of a value that can be read."""
    for where, _, text in strings(value, here):
        if not has_expressions(text):
            continue
        try:
            found = parse(text)
        except TemplateProblem:
            continue
        for part in found:
            if isinstance(part, Expression):
                yield where, part


def _address_problems(name: str, text: str, here: str) -> Iterator[Detail]:
    where = f"{here}.{addresses.FIELDS[name]}"
    if name == "notify" and "://" not in text:
        if not _is_line_id(text):
            yield Detail(where, "must be a LINE user, group or room id, or an https address")
        return
    wrong = addresses.problem(text)
    if wrong:
        yield Detail(where, wrong)


def _is_line_id(text: str) -> bool:
    return text[:1] in {"U", "C", "R", "L"} and text.isalnum() and text.isascii() and len(text) <= 128
