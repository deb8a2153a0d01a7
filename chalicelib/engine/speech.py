"""Effects that say something: replies, pushes to the friend, notices to staff, the loading indicator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.accounts import friend_tokens
from chalicelib.accounts import service as accounts
from chalicelib.deliveries import reply as replies
from chalicelib.deliveries import service as deliveries
from chalicelib.engine import waiting
from chalicelib.engine.calls import post
from chalicelib.engine.errand import Errand, note, run_id
from chalicelib.engine.model import effect_key
from chalicelib.gateways import clock, line
from chalicelib.messages import render, said
from chalicelib.shared.errors import TodokuError
from chalicelib.shared.ids import friend_shard
from chalicelib.shared.observability import logger

MAX_REPLY = 5
"""Message objects that one reply token carries."""
STAFF_MESSAGE = "staff_message"
"""The event by which somebody at the console speaks to a friend; its ``messages`` are what is said."""


def reply(errand: Errand, effects: list[dict[str, Any]]) -> None:
    """All replies of one event in one call: a token is used once."""
    if not effects:
        return
    if not errand.first:
        for effect in effects:
            note(effect, "unknown", "it may have been sent by the attempt that was cut off")
        return
    messages: list[dict[str, Any]] = []
    spoken: list[dict[str, Any]] = []
    for effect in effects:
        payload = errand.payloads[effect_key(effect)]
        if len(messages) + len(payload) > MAX_REPLY:
            if effect.get("push_fallback"):
                effect["via"] = "push"
            else:
                note(effect, "skipped", f"a reply carries at most {MAX_REPLY} messages")
            continue
        messages += payload
        spoken.append(effect)
    token = errand.event.reply_token
    if not spoken or token is None:
        return
    event = errand.event
    outcome = replies.reply(event.account_id, event.event_id, spoken[0]["rule"], token, messages)
    for effect in spoken:
        effect["messages"] = said.kept(errand.payloads[effect_key(effect)])
        if outcome.status == "invalid_token" and effect.get("push_fallback"):
            effect["via"] = "push"  # stays pending: LINE sent nothing, so a push takes its place
        elif outcome.status == "invalid_token":
            note(effect, "failed", outcome.why)
        else:
            note(effect, outcome.status, outcome.why)


def show_loading(errand: Errand, effects: list[dict[str, Any]]) -> None:
    """Show the friend that an answer is coming, where an author asked for it. Best effort, once.

    Nothing waits for it and nothing fails by it; ``loading`` of the effect says what came of it.
    """
    asking = [e for e in effects if e["status"] == "pending" and isinstance(e.get("loading"), int)]
    if not asking or not errand.first or errand.event.reply_token is None:
        return
    try:
        token = accounts.line_credentials(errand.account.id)["channel_access_token"]
        seconds = max(int(effect["loading"]) for effect in asking)
        status = line.show_loading(token, errand.event.user_id, seconds).status
        outcome = "shown" if 200 <= status < 300 else f"not shown: LINE answered {status}"
    except Exception as error:  # noqa: BLE001 (an ornament: the reaction goes on)
        logger.warning("the loading indicator is not shown", exc_info=True)
        outcome = f"not shown: {type(error).__name__}"
    for effect in asking:
        effect["loading"] = outcome


def send(errand: Errand, effect: dict[str, Any]) -> tuple[str, str | None]:
    """One chunk for the friend. Its manifest, once written, is what is sent, whatever changes later."""
    asked = waiting.of(effect)
    if asked is not None and not (errand.sheet.get("asking") or {}).get("held"):
        waiting.hold(errand.account, errand.event.user_id, asked)
    run, user = _run(errand, effect), errand.event.user_id
    try:
        messages = errand.payloads.get(effect_key(effect)) or _said(errand, effect)
    except (TodokuError, render.Unrenderable, LookupError):
        manifest = deliveries.read_manifest(errand.account.id, run, "0")
        if manifest is None:
            raise
        messages = manifest["payloads"][user]
    return _push(errand, effect, user, messages, str(effect.get("category", "marketing")))


def notify(errand: Errand, effect: dict[str, Any]) -> tuple[str, str | None]:
    """Tell staff: a LINE user, group or room by push, an address by a POST of ``{"text"}``."""
    to, text = str(effect["to"]), str(effect["text"])
    if "://" in to:
        post(errand, effect, to, {"text": text})
        return "done", None
    return _push(errand, effect, to, [{"type": "text", "text": text}], "internal")


def _run(errand: Errand, effect: Mapping[str, Any]) -> str:
    event = errand.event
    return run_id(event.account_id, event.user_id, event.event_id, effect)


def _said(errand: Errand, effect: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a staff member wrote, what a form asks, or a message document rendered now.

    Raises LookupError when the former is only in the event's own message (it was too large to keep).
    """
    if "form" in effect:
        asked: list[dict[str, Any]] = effect["messages"]
        return asked
    if errand.event.type == STAFF_MESSAGE:
        written: list[dict[str, Any]] = errand.event.props["messages"]
        return written
    return render.render(
        errand.program.snapshot.get("messages", effect["message"]).body,
        errand.sheet,
        errand.program.snapshot,
        clock.now(),
        event=errand.event.props | ({"match": effect["match"]} if "match" in effect else {}),
        zone=errand.account.zone,
        token=lambda: friend_tokens.make(errand.account.id, friend_tokens.FriendToken(errand.event.user_id)),
    )


def _push(
    errand: Errand, effect: dict[str, Any], to: str, messages: list[dict[str, Any]], category: str
) -> tuple[str, str | None]:
    event = errand.event
    chunk = deliveries.Chunk(
        account=errand.account.id,
        run=_run(errand, effect),
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
            **({"asked": asked} if (asked := waiting.of(effect)) else {}),
        },
        shard=friend_shard(to, errand.account.shards),
    )
    manifest = deliveries.put_chunk(chunk, watch=True)
    if to == event.user_id:
        effect["messages"] = said.kept((manifest.get("payloads") or {}).get(to) or messages)
    refused = (manifest.get("skips") or {}).get(to)
    return ("skipped", refused) if refused else ("done", None)
