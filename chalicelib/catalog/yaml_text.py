"""YAML as people write bundles, read the way YAML 1.2 and JSON read scalars.

PyYAML follows YAML 1.1, where ``21:00`` is the number 1260, ``no`` is false and ``2026-04-01`` is a date
object. Here all of them are text; only ``true``/``false``, ``null``, and plain decimal numbers are not.
A name that is given twice, a name that is not text, and aliases that blow up are refused.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import yaml

from chalicelib.http.budget import USUAL, Budget, decimal_number, refuse_over, whole_number
from chalicelib.shared.errors import InvalidInput, TooLarge
from chalicelib.shared.reasons import Reason

_ODD = (yaml.YAMLError, RecursionError, ValueError, KeyError, TypeError, AttributeError)
"""What PyYAML raises for texts that are broken, or whose tags do not fit what follows them."""

_ODD_CHARACTERS = re.compile("[^\n\x20-\x7e\xa0-\u2027\u202a-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""Control characters, the byte order mark, and what YAML takes for ends of lines: written as escapes."""

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCALARS: tuple[tuple[str, re.Pattern[str], list[str]], ...] = (
    ("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:int", re.compile(r"^-?(?:0|[1-9][0-9]*)$"), list("-0123456789")),
    (
        "tag:yaml.org,2002:float",
        re.compile(r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$"),
        list("-0123456789"),
    ),
    ("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"]),
)


class _Loader(_Base):  # type: ignore[misc]  # the C loader where libyaml is there, else Python's
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own form)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        self._refuse_names(node)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping

    def _refuse_names(self, node: yaml.MappingNode) -> None:
        seen: set[str] = set()
        for name, _ in node.value:
            if name.tag == "tag:yaml.org,2002:merge":
                continue
            if name.tag != "tag:yaml.org,2002:str":
                raise _refused(Reason("yaml_name_text"), name)
            if name.value in seen:  # by an alias; others are seen before
                raise _refused(Reason("yaml_name_twice", name=repr(name.value[:64])), name)
            seen.add(name.value)


class _Dumper(yaml.SafeDumper):
    """Quotes whatever either YAML 1.1 or our reader would not read as text."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    style = '"' if _ODD_CHARACTERS.search(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


for _tag, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(_tag, _pattern, _first)
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)
_Loader.yaml_constructors = {  # nothing that JSON does not have
    tag: construct
    for tag, construct in _Base.yaml_constructors.items()
    if tag is None or tag.rpartition(":")[2] in {"str", "seq", "map", "null", "bool"}
}
_Loader.add_constructor("tag:yaml.org,2002:int", lambda _loader, node: whole_number(node.value))
_Loader.add_constructor("tag:yaml.org,2002:float", lambda _loader, node: decimal_number(node.value))
_Dumper.add_representer(str, _text)


def read(text: str, budget: Budget = USUAL) -> Any:
    """The value of a YAML (or JSON) text. Raises InvalidInput or TooLarge with the line or path."""
    try:
        _refuse_structure(text, budget)
    except yaml.YAMLError as error:
        raise _broken(error) from error
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise InvalidInput(Reason("body_empty"))
        _refuse_bombs(node, budget)
        value = loader.construct_document(node)
    except _ODD as error:
        raise _broken(error) from error
    finally:
        loader.dispose()
    refuse_over(value, budget)
    return value


def write(value: Any) -> str:
    """A JSON value as YAML that our reader and any YAML 1.1 reader read back as the same value."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1 << 20, default_flow_style=False
    )
    return text


def _refuse_structure(text: str, budget: Budget) -> None:
    """Raise for deep nesting, too many values or names, twins and a second document before anything builds
    them: libyaml's composer would overflow, or make a million nodes of what is refused anyway.
    """
    values = documents = 0
    within: list[_Open] = []
    parser = _Loader(text)
    try:
        while parser.check_event():
            event = parser.get_event()
            if isinstance(event, yaml.NodeEvent):
                values += 1
                _refuse_size(values, 0, budget, event)
                if within:
                    within[-1].take(event, budget)
            if isinstance(event, yaml.CollectionStartEvent):
                within.append(_Open(isinstance(event, yaml.MappingStartEvent)))
                if len(within) > budget.depth:
                    raise _refused(Reason("yaml_deeper", most=budget.depth), event)
            elif isinstance(event, yaml.CollectionEndEvent):
                within.pop()
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _refused(Reason("yaml_second"), event)
    finally:
        parser.dispose()


@dataclass
class _Open:
    """A map or list that the parser is in; of a map, whether a value was the last, and the names so far."""

    is_map: bool
    is_value: bool = True
    names: set[str] = field(default_factory=set)

    def take(self, event: yaml.NodeEvent, budget: Budget) -> None:
        """The next node in it. Raises for a name that is given twice, and for too many."""
        self.is_value = not self.is_value
        if not self.is_map or self.is_value or not isinstance(event, yaml.ScalarEvent):
            return
        if event.value in self.names and event.value != "<<":
            raise _refused(Reason("yaml_name_twice", name=repr(event.value[:64])), event)
        self.names.add(event.value)
        if len(self.names) > budget.names:
            raise TooLarge(_placed(Reason("yaml_names", most=budget.names), event))


def _refuse_bombs(root: yaml.Node, budget: Budget) -> None:
    """Raise unless the document with all its aliases written out is within the budget, and not a circle."""
    sizes: dict[int, tuple[int, int]] = {}

    def size(node: yaml.Node, depth: int) -> tuple[int, int]:
        """(values, characters) with the aliases written out."""
        if isinstance(node, yaml.ScalarNode):
            return 1, len(node.value)
        if depth > budget.depth + 2:
            raise _refused(Reason("yaml_alias_or_deeper", most=budget.depth), node)
        known = sizes.get(id(node))
        if known is None:
            values, characters = 1, 0
            for child in _children(node):
                more = size(child, depth + 1)
                values, characters = values + more[0], characters + more[1]
                _refuse_size(values, characters, budget, node)
            known = sizes[id(node)] = values, characters
        return known

    size(root, 0)


def _refuse_size(values: int, characters: int, budget: Budget, at: yaml.Node | yaml.Event) -> None:
    if values > budget.values:
        raise TooLarge(_placed(Reason("yaml_values", most=budget.values), at))
    if characters > budget.bytes:
        raise TooLarge(_placed(Reason("yaml_characters", most=budget.bytes), at))


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value)


def _broken(error: Exception) -> InvalidInput:
    if isinstance(error, yaml.MarkedYAMLError):
        mark: Any = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        return InvalidInput(Reason("not_yaml", error=f"{error.problem or error.context}{where}"))
    return InvalidInput(Reason("not_yaml", error=str(error)[:200]))


def _refused(reason: Reason, at: yaml.Node | yaml.Event) -> InvalidInput:
    return InvalidInput(_placed(Reason("body_not_accepted", why=reason), at))


def _placed(why: Reason, at: yaml.Node | yaml.Event) -> Reason:
    mark: Any = at.start_mark
    return Reason("at_line_column", why=why, line=mark.line + 1, column=mark.column + 1)
