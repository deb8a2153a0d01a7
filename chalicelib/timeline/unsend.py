"""What may be kept of an activity when its message, or an answer in it, was taken back. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote

from chalicelib.events.answers import ANSWERED, SKIPPED
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.folding import composed, fold

Answer: TypeAlias = tuple[str, str]
"""A form and a question of it."""
_MAY_QUOTE = frozenset({"text", "messages", "value", "props", "event"})
_MAY_BE_ADDRESS = ("url", "to")
UNSENT = "(unsent)"
_PIECE = 6
"""So many characters in a row that were said are a quotation; fewer are words that anybody uses."""
_KEPT = ("message_type", "message_id", "standby", "chat")


def without_content(props: Mapping[str, Any], at: str) -> dict[str, Any]:
    """What may be kept of a message's props: that there was one."""
    return {name: props[name] for name in _KEPT if name in props} | {"unsent_at": at}


def without_message(activity: Mapping[str, Any], at: str) -> dict[str, Any]:
    """The parts of a ``messaged`` activity that may say what the message said, without that. Pure."""
    props = activity.get("props") or {}
    unsent_text = props.get("text")
    parts: dict[str, Any] = {"props": without_content(props, at)}
    for name in ("rules", "changes", "effects"):
        parts[name] = [_without_text(line, unsent_text) for line in activity.get(name) or ()]
    given = answered_by(activity)
    return parts | {"changes": [_unanswered(change, given) for change in parts["changes"]]}


def without_answers(
    activity: Mapping[str, Any], answers: Collection[Answer], unsent_text: Any
) -> dict[str, Any]:
    """The parts of an activity that report a form's end, without these answers and their text. Pure."""
    parts = {
        name: [_without_text(line, unsent_text) for line in activity.get(name) or ()]
        for name in ("rules", "changes", "effects")
    }
    lines = {name: [_unanswered(line, answers) for line in parts[name]] for name in ("changes", "effects")}
    return parts | lines


def answered_by(activity: Mapping[str, Any]) -> set[Answer]:
    """The form's question that an event answered or skipped: its trace is ``form:<form>:<question>``."""
    found = set()
    for trace in activity.get("rules") or ():
        kind, *names = str(trace["rule"]).split(":")
        is_answer = Reason.of(trace["why"]).code in {*ANSWERED, SKIPPED}
        if kind == "form" and len(names) == 2 and trace["matched"] and is_answer:
            found.add((names[0], names[1]))
    return found


def reveals_answer(activity: Mapping[str, Any], form: str, question: str) -> bool:
    """Whether an activity reports the end of a form with an answer to that question."""
    return any(
        props.get("form") == form and question in (props.get("answers") or {})
        for props in map(_form_answered, activity.get("changes") or ())
    )


def _form_answered(change: Any) -> Mapping[str, Any]:
    is_end = isinstance(change, dict) and change.get("type") == "form_answered"
    return (change.get("props") or {}) if is_end else {}


def _unanswered(line: Any, gone: Collection[Answer]) -> Any:
    """A change, or an effect that keeps the end of a form for a later rendering, without these answers."""
    if not isinstance(line, dict):
        return line
    for place in ("props", "event"):
        props = line.get(place)
        given = props.get("answers") if isinstance(props, Mapping) else None
        if isinstance(props, Mapping) and isinstance(given, Mapping):
            form = props.get("form")
            left = {name: UNSENT if (form, name) in gone else value for name, value in given.items()}
            line = {**line, place: {**props, "answers": left}}
    return line


def _without_text(line: Any, unsent_text: Any) -> Any:
    """A line of an activity without what was said."""
    if not isinstance(line, dict):
        return line
    if line.get("why") is not None:
        line = line | {"why": _why_without_text(Reason.of(line["why"]), unsent_text).kept()}
    if not isinstance(unsent_text, str) or not unsent_text:
        return line
    cleaned = {k: _replaced(v, unsent_text) if k in _MAY_QUOTE else v for k, v in line.items()}
    return cleaned | {k: _host_only(line[k]) for k in _MAY_BE_ADDRESS if "://" in str(line.get(k))}


def _why_without_text(why: Reason, unsent_text: Any) -> Reason:
    """A reason without what was said; one that looked at the text does not show what it saw."""
    if why.code == "match_is" and why.params["path"] == "text":
        return why.with_values(lambda value: value if value == "text" else UNSENT)
    return (
        why.with_values(lambda value: _replaced(value, unsent_text))
        if unsent_text and isinstance(unsent_text, str)
        else why
    )


def _host_only(address: str) -> str:
    """An address without what follows the host: it may be filled in with what was said, in any form."""
    return "/".join([*address.split("/", 3)[:3], UNSENT])


def _replaced(value: Any, unsent_text: str) -> Any:
    if isinstance(value, str):
        text = value.replace(unsent_text, UNSENT).replace(composed(unsent_text), UNSENT)
        return UNSENT if _quotes(text, unsent_text) else text
    if isinstance(value, dict):
        return {name: _replaced(inner, unsent_text) for name, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, unsent_text) for inner in value]
    return value


def _quotes(text: str, unsent_text: str) -> bool:
    """Whether a text has a piece of what was said: cut, captured, in other letters, or percent-encoded."""
    heard = fold(unsent_text)
    pieces = {heard[at : at + _PIECE] for at in range(len(heard) - _PIECE + 1)}
    folded = fold(unquote(text))
    return any(folded[at : at + _PIECE] in pieces for at in range(len(folded) - _PIECE + 1))
