"""One action on one sheet: changes in place, or an effect to carry out after the write. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.catalog import sealing
from chalicelib.engine import asking
from chalicelib.engine.at import At, CannotRun
from chalicelib.engine.model import Decision
from chalicelib.engine.values import Filling, NoValue
from chalicelib.friends import limit_states
from chalicelib.friends import sheet as sheets
from chalicelib.friends.model import Fact, Sheet
from chalicelib.friends.values import UnfitValue, number
from chalicelib.messages import render
from chalicelib.messages.actions import parts
from chalicelib.shared.ids import digest
from chalicelib.shared.storable import is_storable
from chalicelib.shared.times import local_date, parse_iso


def apply_action(decision: Decision, action: Mapping[str, Any], index: int, at: At) -> list[Fact]:
    """Apply one action; answers the facts it produced. What cannot run is kept as a failed effect."""
    name, value = parts(action)
    effect: dict[str, Any] = {"rule": at.rule, "index": index, "action": name}
    try:
        filled = _filling(decision, at).action(name, value) if name not in {"reply", "send"} else value
        if name in _CHANGES:
            return _change(decision, name, filled, at)
        if name == "record_event":
            return _record_event(filled)
        if name == "start_form":
            return asking.start(decision, effect, filled, at)
        decision.effects.append(_effect(decision, effect, name, filled, at))
    except (CannotRun, NoValue, UnfitValue, render.Unrenderable) as error:
        decision.effects.append(effect | {"status": "failed", "why": str(error)[:300]})
    return []


def _change(decision: Decision, name: str, value: Any, at: At) -> list[Fact]:
    """Change the sheet. A change that comes to nothing is told, with the reason where there is one."""
    told = len(decision.changes)
    what = value if isinstance(value, str) else value.get("score") or value["attribute"]
    if _overtaken(decision.after, name, value, at.event.at):
        decision.changes.append({"type": "overtaken", "action": name, "what": what, "by": at.by})
    facts = _CHANGES[name](decision, value, at)
    if not facts and len(decision.changes) == told:
        decision.changes.append({"type": "unchanged", "action": name, "what": what, "by": at.by})
    return facts


def _filling(decision: Decision, at: At) -> Filling:
    return Filling(decision.after, at.program.snapshot, at.now, at.props, at.program.zone)


def _add_tag(decision: Decision, tag: Any, at: At) -> list[Fact]:
    at.definition("tags", tag)
    return sheets.add_tag(decision.after, tag, at.event.at, at.by)


def _remove_tag(decision: Decision, tag: Any, at: At) -> list[Fact]:
    return sheets.remove_tag(decision.after, tag, at.event.at)


def _add_score(decision: Decision, value: Any, at: At) -> list[Fact]:
    definition = at.definition("scores", value["score"])
    points = number(value["points"])
    if value.get("max_per_day") is not None and not _overtaken(
        decision.after, "add_score", value, at.event.at
    ):
        points = _within_day(decision, value, points, at)
    return sheets.add_score(decision.after, value["score"], definition, points, at.event.at)


def _within_day(decision: Decision, value: Mapping[str, Any], points: float, at: At) -> float:
    """The points that the day of the event still has room for; what was cut off is told."""
    if points <= 0:
        return points
    day = local_date(parse_iso(at.event.at), at.program.zone).isoformat()
    days = decision.after["limits"].get(at.rule, {}).get("points", {}).get(value["score"], {})
    used, forgotten = limit_states.used(days, day), limit_states.is_forgotten(days, day)
    allowed = 0.0 if forgotten else max(0.0, min(points, float(value["max_per_day"]) - used))
    if allowed != points:
        cut = {"type": "capped", "score": value["score"], "points": points, "added": allowed, "by": at.by}
        why = {"why": f"{day} is longer ago than is remembered"} if forgotten else {}
        decision.changes.append(cut | why)
    if allowed:
        state = decision.after["limits"].setdefault(at.rule, {}).setdefault("points", {})
        state[value["score"]] = limit_states.with_used(days, day, used + allowed)
    return allowed


def _set_score(decision: Decision, value: Any, at: At) -> list[Fact]:
    definition = at.definition("scores", value["score"])
    points = number(value["value"])
    return sheets.set_score(decision.after, value["score"], definition, points, at.event.at)


def _set_attribute(decision: Decision, value: Any, at: At) -> list[Fact]:
    name = value["attribute"]
    definition = at.definition("attributes", name)
    zone = at.program.zone
    return sheets.set_attribute(decision.after, name, definition, value.get("value"), at.event.at, zone)


_CHANGES: dict[str, Callable[[Decision, Any, At], list[Fact]]] = {
    "add_tag": _add_tag,
    "remove_tag": _remove_tag,
    "add_score": _add_score,
    "set_score": _set_score,
    "set_attribute": _set_attribute,
}


def _overtaken(sheet: Sheet, name: str, value: Any, at: str) -> bool:
    """Whether a late event's change stays without effect because something later stands."""
    if name == "add_tag":
        later = sheet["untagged"].get(value, "")
    elif name == "remove_tag":
        later = sheet["tags"].get(value, {}).get("at", "")
    elif name == "set_attribute":
        later = sheet["attributes_at"].get(value["attribute"], "")
    else:
        entry = sheet["scores"].get(value["score"]) or {}
        later = entry.get("set_at" if name == "add_score" else "at", "")
    return at < str(later)


def _record_event(value: Mapping[str, Any]) -> list[Fact]:
    props = value.get("props") or {}
    if not is_storable(props):
        raise CannotRun("the event's props cannot be stored")
    return [(f"custom:{value['name']}", None, dict(props))]


def _effect(decision: Decision, effect: dict[str, Any], name: str, value: Any, at: At) -> dict[str, Any]:
    """The effect with everything decided that its execution needs."""
    if name in {"reply", "send"}:
        return _message_effect(decision, effect, name, value, at)
    if name in {"enter_scenario", "exit_scenario"}:
        if at.program.snapshot.find("scenarios", value) is None:
            raise CannotRun(f"there is no scenario {value}")
        return effect | {"scenario": value, "at": at.event.at, "status": "pending"}
    if name == "notify":
        return effect | {"to": value["to"], "text": str(value["text"])[:5000], "status": "pending"}
    if name == "call_webhook":
        return effect | {"url": value["url"], "status": "pending"} | _secret(value) | _loading(value, at)
    if name == "switch_rich_menu":
        return _menu_effect(decision, effect, value, at)
    raise CannotRun(f"{name} is not available in this version")


def _secret(value: Mapping[str, Any]) -> dict[str, Any]:
    """The reference to the secret; a draft that is only tried out may have the secret itself."""
    return {"secret": value["secret"]} if sealing.name_of(value.get("secret")) else {}


def _loading(value: Mapping[str, Any], at: At) -> dict[str, Any]:
    """Only who has just spoken or tapped is waiting in the chat."""
    asked = value.get("loading")
    return {"loading": int(asked)} if asked and at.event.reply_token is not None else {}


def _menu_effect(decision: Decision, effect: dict[str, Any], menu: str, at: At) -> dict[str, Any]:
    rich_menu_id = at.definition("rich-menus", menu).get("rich_menu_id")
    if not rich_menu_id:
        raise CannotRun(f"the rich menu {menu} has no rich_menu_id")
    effect = effect | {"menu": menu, "rich_menu_id": rich_menu_id, "status": "pending"}
    if decision.after.get("status") == "blocked":
        return effect | {"status": "skipped", "why": "blocked"}
    return effect


def _message_effect(
    decision: Decision, effect: dict[str, Any], name: str, value: Mapping[str, Any], at: At
) -> dict[str, Any]:
    # Named on the effect itself: also when it cannot be said, the timeline says what could not.
    effect["message"] = message = _chosen(decision, effect, value, at)
    effect = effect | {"status": "pending"}
    blocked = decision.after.get("status") == "blocked"
    if name == "send" and blocked:
        return effect | {"status": "skipped", "why": "blocked"}
    if name == "reply":
        effect |= {"push_fallback": bool(value.get("push_fallback"))}
        if at.event.reply_token is None:
            if blocked or not effect["push_fallback"]:
                return effect | {"status": "skipped", "why": "this event has no reply token"}
            effect |= {"via": "push"}
    body = at.definition("messages", message)
    at.render(decision, effect, body)
    return effect | {"category": body.get("category", "marketing")} | _loading(value, at)


def _chosen(decision: Decision, effect: Mapping[str, Any], value: Mapping[str, Any], at: At) -> str:
    """The message of a reply or send: the one, by turns per friend, or by chance fixed by the event."""
    options: list[str] | None = value.get("any_of")
    if not options:
        return str(value["message"])
    index = str(effect["index"])
    if value.get("choose") == "rotate":
        turns = decision.after["limits"].setdefault(at.rule, {}).setdefault("turns", {})
        turns[index] = turns.get(index, -1) + 1
        return options[int(turns[index]) % len(options)]
    names = (at.event.user_id, at.event.event_id, at.rule, index)
    return options[int(digest(*names)[:8], 16) % len(options)]
