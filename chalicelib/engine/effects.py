"""Carrying out what was decided. Each effect has a name (event, rule, index) and is safe to repeat.

Statuses: ``done``; ``failed`` (it will not happen, ``why`` says it); ``skipped`` (it must not happen);
``unknown`` (a reply whose outcome nobody can know). What may work later raises, after everything else
was tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.deliveries import reply as replies
from chalicelib.deliveries import service as deliveries
from chalicelib.engine.model import Program, effect_key
from chalicelib.friends import activities
from chalicelib.friends.model import Sheet
from chalicelib.gateways import clock, queues
from chalicelib.messages import render
from chalicelib.scenarios import service as scenarios
from chalicelib.shared.errors import TodokuError
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import digest, friend_shard
from chalicelib.shared.observability import logger
from chalicelib.shared.times import iso, parse_iso

MAX_REPLY = 5
"""Message objects that one reply token carries."""
UNSEND_WINDOW = timedelta(hours=25)
"""LINE lets people take back a message for 24 hours."""
INTERNAL = frozenset({"scenario_event", "scenario_action_done", "hide_message", "fetch_profile"})
"""Effects that no author wrote; the timeline shows them only when they failed."""


class Unfinished(Exception):
    """Some effects could not be carried out now; the event must come again."""


@dataclass(frozen=True)
class Errand:
    """Everything that carrying out one event's effects needs."""

    account: Account
    event: FriendEvent
    sheet: Sheet
    program: Program
    payloads: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    first: bool = False
    """Whether this invocation made the decision (only then may a reply token be used)."""


def carry_out(errand: Errand, effects: list[dict[str, Any]]) -> None:
    """Carry out every pending effect, replies first (their token is short-lived); notes each one's status.

    Raises Unfinished when some must be tried again; the statuses noted until then hold.
    """
    _reply(errand, [e for e in effects if _is_open(e, "reply") and e.get("via") != "push"])
    unfinished: list[str] = []
    for effect in effects:
        if effect["status"] != "pending":
            continue
        try:
            status, why = _RUN[effect["action"]](errand, effect)
        except (TodokuError, render.Unrenderable) as error:
            if isinstance(error, TodokuError) and error.status in {429, 503}:
                unfinished.append(f"{effect_key(effect)}: {error}")
                continue
            status, why = "failed", str(error)
        except Exception as error:  # noqa: BLE001 (whatever it is, the others are still tried)
            logger.exception("an effect has to be tried again", extra={"effect": effect_key(effect)})
            unfinished.append(f"{effect_key(effect)}: {type(error).__name__}: {error}")
            continue
        _note(effect, status, why)
    if unfinished:
        raise Unfinished("; ".join(unfinished)[:500])


def run_id(event: FriendEvent, effect: Mapping[str, Any]) -> str:
    """The delivery run of an effect: always the same for one event, rule and index."""
    names = (event.account_id, event.user_id, event.event_id, effect["rule"], str(effect["index"]))
    return f"rule-{digest(*names)[:32]}"


def _is_open(effect: Mapping[str, Any], action: str) -> bool:
    return bool(effect["status"] == "pending" and effect["action"] == action)


def _note(effect: dict[str, Any], status: str, why: str | None = None) -> None:
    effect["status"] = status
    effect.pop("why", None)
    if why is not None:
        effect["why"] = why[:300]


# Replies


def _reply(errand: Errand, effects: list[dict[str, Any]]) -> None:
    """All replies of one event in one call: a token is used once."""
    if not effects:
        return
    if not errand.first:
        for effect in effects:
            _note(effect, "unknown", "it may have been sent by the attempt that was cut off")
        return
    messages: list[dict[str, Any]] = []
    spoken: list[dict[str, Any]] = []
    for effect in effects:
        payload = errand.payloads[effect_key(effect)]
        if len(messages) + len(payload) > MAX_REPLY:
            _note(effect, "skipped", f"a reply carries at most {MAX_REPLY} messages")
            continue
        messages += payload
        spoken.append(effect)
    token = errand.event.reply_token
    if not spoken or token is None:
        return
    event = errand.event
    outcome = replies.reply(event.account_id, event.event_id, spoken[0]["rule"], token, messages)
    for effect in spoken:
        if outcome.status == "invalid_token" and effect.get("push_fallback"):
            effect["via"] = "push"  # stays pending: LINE sent nothing, so a push takes its place
        elif outcome.status == "invalid_token":
            _note(effect, "failed", outcome.why)
        else:
            _note(effect, outcome.status, outcome.why)


# Messages by push


def _send(errand: Errand, effect: dict[str, Any]) -> tuple[str, str | None]:
    """One chunk for one friend. Its manifest, once written, is what is sent, whatever changes later."""
    run, user = run_id(errand.event, effect), errand.event.user_id
    try:
        messages = errand.payloads.get(effect_key(effect)) or _render(errand, effect)
    except (TodokuError, render.Unrenderable):
        manifest = deliveries.read_manifest(errand.account.id, run, "0")
        if manifest is None:
            raise
        messages = manifest["payloads"][user]
    return _push(errand, effect, user, messages, str(effect.get("category", "marketing")))


def _render(errand: Errand, effect: Mapping[str, Any]) -> list[dict[str, Any]]:
    body = errand.program.snapshot.get("messages", effect["message"]).body
    return render.render(
        body,
        errand.sheet,
        errand.program.snapshot,
        clock.now(),
        event=errand.event.props,
        zone=errand.account.zone,
    )


def _push(
    errand: Errand, effect: Mapping[str, Any], to: str, messages: list[dict[str, Any]], category: str
) -> tuple[str, str | None]:
    event = errand.event
    chunk = deliveries.Chunk(
        account=errand.account.id,
        run=run_id(event, effect),
        chunk="0",
        kind="push",
        recipients=[to],
        payloads={to: messages},
        category=category,
        cause={
            "rule": effect["rule"],
            "index": effect["index"],
            "user_id": event.user_id,
            "event_id": event.event_id,
        },
        shard=friend_shard(to, errand.account.shards),
    )
    manifest = deliveries.put_chunk(chunk, watch=True)
    refused = (manifest.get("skips") or {}).get(to)
    return ("skipped", refused) if refused else ("done", None)


def _notify(errand: Errand, effect: dict[str, Any]) -> tuple[str, str | None]:
    """Tell staff: a LINE user, group or room by push, an address by a POST of ``{"text"}``."""
    to, text = str(effect["to"]), str(effect["text"])
    if to.startswith(("https://", "http://")):
        _post(errand, effect, to, {"text": text})
        return "done", None
    return _push(errand, effect, to, [{"type": "text", "text": text}], "internal")


# Other systems


def _call_webhook(errand: Errand, effect: dict[str, Any]) -> tuple[str, str | None]:
    event, sheet = errand.event, errand.sheet
    payload = {
        "account": errand.account.id,
        "rule": effect["rule"],
        "event": {
            "event_id": event.event_id,
            "type": event.type,
            "at": event.at,
            "props": {k: v for k, v in event.props.items() if k not in {"raw", "then"}},
        },
        "friend": {
            "user_id": event.user_id,
            "display_name": sheet.get("display_name"),
            "status": sheet.get("status"),
            "member_id": sheet.get("member_id"),
            "tags": sorted(sheet.get("tags") or {}),
            "attributes": sheet.get("attributes") or {},
        },
    }
    _post(errand, effect, str(effect["url"]), payload)
    return "done", None


def _post(errand: Errand, effect: Mapping[str, Any], url: str, payload: dict[str, Any]) -> None:
    """Leave the call to the queue, which retries it; the receiver sees one delivery id however often."""
    body = {
        "job": "post",
        "account": errand.account.id,
        "delivery": run_id(errand.event, effect),
        "rule": effect["rule"],
        "user": errand.event.user_id,
        "url": url,
        "secret": _secret(errand, effect),
        "payload": payload,
    }
    queues.send("bulk", body)


def _secret(errand: Errand, effect: Mapping[str, Any]) -> str | None:
    """The signing secret as the rule has it now; it is never written beside the friend."""
    then = errand.event.props.get("then") or ()
    document = errand.program.snapshot.find("rules", effect["rule"])
    if document is not None:
        then = document.body.get("then") or ()
    action = then[effect["index"]] if effect["index"] < len(then) else {}
    called = action.get("call_webhook") or {}
    secret: str | None = called.get("secret") if called.get("url") else None
    return secret


# Scenarios


def _enter_scenario(errand: Errand, effect: dict[str, Any]) -> tuple[str, str | None]:
    event = errand.event
    cause = f"{event.event_id}:{effect_key(effect)}"
    at = parse_iso(effect["at"])
    result = scenarios.enroll(errand.account.id, [event.user_id], effect["scenario"], at, cause)[0]
    return ("done", None) if result.accepted else ("skipped", result.why)


def _exit_scenario(errand: Errand, effect: dict[str, Any]) -> tuple[str, str | None]:
    user, at = errand.event.user_id, parse_iso(effect["at"])
    reason = f"rule:{effect['rule']}"
    result = scenarios.exit(errand.account.id, [user], effect["scenario"], reason, at)[0]
    return ("done", None) if result.accepted else ("skipped", result.why)


def _scenario_event(errand: Errand, _effect: dict[str, Any]) -> tuple[str, str | None]:
    scenarios.on_friend_event(errand.account.id, errand.event.user_id, errand.sheet, errand.event)
    return "done", None


def _scenario_action_done(errand: Errand, _effect: dict[str, Any]) -> tuple[str, str | None]:
    scenarios.action_done(errand.account.id, errand.event.user_id, errand.event)
    return "done", None


# The timeline


def _hide_message(errand: Errand, effect: dict[str, Any]) -> tuple[str, str | None]:
    """LINE asks that what was unsent is not kept. The message may still be on its way: look again later."""
    event = errand.event
    since = iso(parse_iso(event.at) - UNSEND_WINDOW)
    if activities.hide_message(errand.account.id, event.user_id, effect["message_id"], since, event.at):
        return "done", None
    body = {
        "job": "hide_message",
        "account": errand.account.id,
        "user": event.user_id,
        "message_id": effect["message_id"],
        "since": since,
        "at": event.at,
    }
    queues.send("bulk", body, delay_s=300)
    return "done", None


# Knowing the friend


def _fetch_profile(errand: Errand, _effect: dict[str, Any]) -> tuple[str, str | None]:
    """Ask for the friend's profile in the background; the reaction does not wait for it."""
    body = {"job": "profile", "account": errand.account.id, "user": errand.event.user_id}
    queues.send("bulk", body)
    return "done", None


_RUN: dict[str, Callable[[Errand, dict[str, Any]], tuple[str, str | None]]] = {
    "reply": _send,
    "send": _send,
    "notify": _notify,
    "call_webhook": _call_webhook,
    "enter_scenario": _enter_scenario,
    "exit_scenario": _exit_scenario,
    "scenario_event": _scenario_event,
    "scenario_action_done": _scenario_action_done,
    "hide_message": _hide_message,
    "fetch_profile": _fetch_profile,
}
