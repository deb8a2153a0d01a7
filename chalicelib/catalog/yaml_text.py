"""YAML as people write bundles, read the way YAML 1.2 and JSON read scalars.

PyYAML follows YAML 1.1, where ``21:00`` is the number 1260, ``no`` is false and ``2026-04-01`` is a date
object. Here all of them are text; only ``true``/``false``, ``null``, and plain decimal numbers are not.
A name that stands twice, a name that is not text, and aliases that blow up are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable
from typing import Any

import yaml

from chalicelib.catalog.snapshot import body_text
from chalicelib.shared.bodies import MAX_DEPTH
from chalicelib.shared.errors import InvalidInput

_MOST_NODES = 200_000
"""Of a document with its aliases written out."""

_ODD = (yaml.YAMLError, RecursionError, ValueError, KeyError, TypeError, AttributeError)
"""What PyYAML raises for texts that are broken, or whose tags do not fit what they stand before."""

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
        self._refuse_twins(node)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping

    def _refuse_twins(self, node: yaml.MappingNode) -> None:
        seen: set[str] = set()
        for name, _ in node.value:
            if name.tag == "tag:yaml.org,2002:merge":
                continue
            if name.tag != "tag:yaml.org,2002:str":
                raise _refused("a name must be text; put it in quotes", name)
            if name.value in seen:
                raise _refused(f"the name {name.value[:64]!r} stands twice", name)
            seen.add(name.value)


class _Dumper(yaml.SafeDumper):
    """Quotes whatever either YAML 1.1 or our reader would not read as text."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _finite(_loader: Any, node: yaml.ScalarNode) -> float:
    number = float(node.value)
    if not math.isfinite(number):
        raise _refused(f"the number {node.value[:32]} is too large", node)
    return number


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
_Loader.add_constructor("tag:yaml.org,2002:int", lambda _loader, node: int(node.value))
_Loader.add_constructor("tag:yaml.org,2002:float", _finite)
_Dumper.add_representer(str, _text)


def read(text: str) -> Any:
    """The value of a YAML (or JSON) text. Raises InvalidInput with the line of what is wrong."""
    try:
        _refuse_depth(text)
    except yaml.YAMLError as error:
        raise _broken(error) from error
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise InvalidInput("the body is empty")
        _refuse_bombs(node)
        value = loader.construct_document(node)
        body_text({"": value}).encode()
    except _ODD as error:
        raise _broken(error) from error
    finally:
        loader.dispose()
    return value


def write(value: Any) -> str:
    """A JSON value as YAML that our reader and any YAML 1.1 reader read back as the same value."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1 << 20, default_flow_style=False
    )
    return text


def _refuse_depth(text: str) -> None:
    """Raise for deep nesting before anything recursive sees the text: libyaml's composer would overflow."""
    depth = 0
    parser = _Loader(text)
    try:
        while parser.check_event():
            event = parser.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise _refused(f"nested deeper than {MAX_DEPTH}", event)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    finally:
        parser.dispose()


def _refuse_bombs(root: yaml.Node) -> None:
    """Raise unless the document with all its aliases written out is small, and not a circle."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node, depth: int) -> int:
        if isinstance(node, yaml.ScalarNode):
            return 1
        if depth > MAX_DEPTH + 2:
            raise _refused(f"an alias to what it stands in, or nested deeper than {MAX_DEPTH}", node)
        known = sizes.get(id(node))
        if known is None:
            known = 1 + sum(size(child, depth + 1) for child in _children(node))
            if known > _MOST_NODES:
                raise _refused(f"more than {_MOST_NODES} values with the aliases written out", node)
            sizes[id(node)] = known
        return known

    size(root, 0)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value)


def _broken(error: Exception) -> InvalidInput:
    if isinstance(error, yaml.MarkedYAMLError):
        mark: Any = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        return InvalidInput(f"the body is not YAML: {error.problem or error.context}{where}")
    return InvalidInput(f"the body is not YAML: {str(error)[:200]}")


def _refused(reason: str, at: yaml.Node | yaml.Event) -> InvalidInput:
    mark: Any = at.start_mark
    return InvalidInput(
        f"the body is not accepted: {reason} (line {mark.line + 1}, column {mark.column + 1})"
    )
