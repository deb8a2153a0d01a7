"""Whether a decision may use what LINE's profile of a friend says, and asking for it before the decision.

Statically, by the program in force: from the rules of an event through everything that they may lead to at
once (messages, forms, scenarios, segments, the rules that their changes wake). Without it nobody is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.actions.kinds import kind_of, parts
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.friends import profiles
from chalicelib.rules.model import Program, Rule
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.text.template import Expression, TemplateProblem, has_expressions, parse, strings

FIELDS = frozenset({"display_name", "language"})
_DOCUMENTS = {"message": "messages", "segment": "segments"}
"""Where bodies name documents that are used at once, besides actions: the property, and the kind."""
_AS_PUBLISHED = {"scenarios": ("published", "scenarios")}
"""Kinds whose documents are in force as another kind."""


def fields_used(program: Program, event: str) -> frozenset[str]:
    """The fields of the profile that the rules of an event, or what they lead to, may use."""
    key = ("rules.knowing", event)
    return program.snapshot.derived(key, lambda snapshot: _Search(snapshot, program.rules).of(event))


class Acquaintance:
    """What LINE reports of a friend who is new or comes back, before the decision; asked once at most."""

    def __init__(self, event: FriendEvent, program: Program) -> None:
        self._event, self._program = event, program
        self._asked = False
        self._profile: profiles.Profile | None = None

    def profile(self, sheet: Sheet | None) -> profiles.Profile | None:
        """The profile, where it is needed and LINE gives it in time; ``sheet`` None: nothing is known."""
        if not self._asked and self._is_needed(sheet):
            self._asked = True
            self._profile = profiles.ask_now(self._event.account_id, self._event.user_id)
        return self._profile

    def _is_needed(self, sheet: Sheet | None) -> bool:
        event = self._event
        if event.source != "line" or event.type == "unfollowed" or event.props.get("standby"):
            return False
        if sheet is not None and event.type != "followed":
            return False
        fields = fields_used(self._program, event.type)
        came_back = event.props.get("is_unblocked") is True or (sheet or {}).get("status") == "blocked"
        return bool(fields) and (came_back or any(not (sheet or {}).get(name) for name in fields))


class _Search:
    """Through the rules of one event and whatever they lead to at once."""

    def __init__(self, snapshot: Snapshot, rules: Mapping[str, Sequence[Rule]]) -> None:
        self._snapshot, self._rules = snapshot, rules
        self._seen: set[tuple[str, str]] = set()
        self._fields: set[str] = set()

    def of(self, event: str) -> frozenset[str]:
        """The fields that an event of this type may use."""
        self._event(event)
        return frozenset(self._fields)

    def _event(self, event: str) -> None:
        if self._is_new("event", event):
            for rule in self._rules.get(event, ()):
                self._value("if", rule.source)
                self._value("then", list(rule.then))

    def _is_new(self, kind: str, name: str) -> bool:
        is_new = (kind, name) not in self._seen
        self._seen.add((kind, name))
        return is_new

    def _value(self, key: str, value: Any) -> None:
        if isinstance(value, str):
            self._fields.update(_in_text(value))
            if key in _DOCUMENTS:
                self._document(_DOCUMENTS[key], value)
        elif isinstance(value, list):
            for one in value:
                self._value(key, one)
        elif isinstance(value, Mapping) and key == "then":
            self._action(value)
        elif isinstance(value, Mapping):
            if key == "friend" and "language" in value:
                self._fields.add("language")
            for name, inner in value.items():
                # Of a question; a condition on an attribute has an object here, and changes nothing.
                if name == "attribute" and isinstance(inner, str):
                    self._event("attribute_set")
                self._value(name, inner)

    def _action(self, action: Mapping[str, Any]) -> None:
        """What it produces at once, what it says or begins, and what its own texts use."""
        name, value = parts(action)
        kind = kind_of(name)
        for event, _ in kind.at_once(value, self._snapshot):
            self._event(event)
        for named in kind.references(value, "") if kind.outgoing or kind.begins else ():
            self._document(named.kind, named.id)
        for _, _, text in strings(value, ""):
            self._fields.update(_in_text(text))

    def _document(self, kind: str, name: str) -> None:
        for known_as in _AS_PUBLISHED.get(kind, (kind,)):
            document = self._snapshot.find(known_as, name)
            if document is not None and self._is_new(known_as, name):
                self._value("", document.body)


def _in_text(text: str) -> Iterator[str]:
    if not has_expressions(text):
        return
    try:
        found = parse(text)
    except TemplateProblem:
        return
    for part in found:
        if isinstance(part, Expression) and part.kind == "variable" and part.path[:1] == ("friend",):
            yield from FIELDS.intersection(part.path[1:2])
