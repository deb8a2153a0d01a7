"""Effects that send something: replies, pushes to the friend, notices to staff, the loading indicator."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.accounts import friend_tokens
from chalicelib.accounts import service as accounts
from chalicelib.actions.effects import effect_key, note, run_id
from chalicelib.actions.model import Effect
from chalicelib.conversations.model import STAFF_MESSAGE
from chalicelib.deliveries import service as deliveries
from chalicelib.deliveries.sending import reply as replies
from chalicelib.forms import pending_question
from chalicelib.gateways import clock, line
from chalicelib.members import account_link
from chalicelib.messages import render, sent, together
from chalicelib.outgoing.webhooks import post
from chalicelib.reaction.effects import holding
from chalicelib.reaction.effects.context import EffectContext
from chalicelib.shared.errors import TodokuError, Unavailable
from chalicelib.shared.ids import friend_shard
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason


def fill_links(context: EffectContext, effects: list[Effect]) -> None:
    """Put the friend's address into invitations to link that are about to be replied. One that LINE gives no
    address for fails; while LINE does not answer it goes by push, which is tried again.
    """
    for effect in effects:
        key = effect_key(effect)
        if effect["status"] != "pending" or key not in context.payloads:
            continue
        user = context.event.user_id
        try:
            context.payloads[key] = account_link.filled(context.account, user, effect, context.payloads[key])
        except Unavailable:
            effect["via"] = "push"
        except TodokuError as error:
            note(effect, "failed", error.reason)


def reply(context: EffectContext, effects: list[Effect]) -> None:
    """All replies of one event in one call: a token is used once."""
    if not effects:
        return
    if not context.first:
        for effect in effects:
            note(effect, "unknown", Reason("reply_cut_off"))
        return
    token, event = context.event.reply_token, context.event
    if token is None:
        return
    questions = {n for n, effect in enumerate(effects) if "form" in effect}
    parts, left_out = together.arrange([context.payloads[effect_key(e)] for e in effects], keep=questions)
    messages = [message for part in parts for message in part]
    outcome = replies.reply(event.account_id, event.event_id, effects[0]["rule"], token, messages)
    for effect, part, missing in zip(effects, parts, left_out, strict=True):
        effect["messages"] = sent.kept(part)
        _note_left_out(effect, missing)
        if outcome.status == "invalid_token" and effect.get("push_fallback"):
            effect["via"] = "push"  # stays pending: LINE sent nothing, so a push takes its place
        elif outcome.status == "invalid_token":
            note(effect, "failed", outcome.why)
        else:
            note(effect, outcome.status, outcome.why)


def _note_left_out(effect: Effect, missing: int) -> None:
    """Quick replies that LINE has no room for: the timeline says how many of this effect are not shown."""
    effect.pop("quick_replies_left_out", None)
    if missing:
        effect["quick_replies_left_out"] = missing


def show_loading(context: EffectContext, effects: list[Effect]) -> None:
    """Show the friend that an answer is coming, where an author asked for it. Best effort, once.

    Nothing waits for it and nothing fails by it; ``loading`` of the effect says what came of it.
    """
    loading = [e for e in effects if e["status"] == "pending" and isinstance(e.get("loading"), int)]
    if not loading or not context.first or context.event.reply_token is None:
        return
    try:
        token = accounts.line_credentials(context.account.id)["channel_access_token"]
        seconds = max(asked for effect in loading if isinstance(asked := effect["loading"], int))
        status = line.show_loading(token, context.event.user_id, seconds).status
        shown = 200 <= status < 300
        outcome = Reason("loading_shown") if shown else Reason("loading_refused", status=status)
    except Exception as error:  # noqa: BLE001 (an ornament: the reaction goes on)
        logger.warning("the loading indicator is not shown", exc_info=True)
        outcome = Reason("loading_failed", error=type(error).__name__)
    for effect in loading:
        effect["loading"] = outcome.kept()


def send(context: EffectContext, effect: Effect) -> tuple[str, Reason | None]:
    """Push something to the friend, unless policies hold it back: then it is ``held``, and comes again."""
    asked = pending_question.of(effect)
    if asked is not None and not (context.sheet.get("form_session") or {}).get("held"):
        pending_question.hold(context.account, context.event.user_id, asked)
    return holding.put_off(context, effect) or send_now(context, effect)


def send_now(context: EffectContext, effect: Effect) -> tuple[str, Reason | None]:
    """One chunk for the friend. Its manifest, once written, is what is sent, whatever changes later."""
    run, user = _run(context, effect), context.event.user_id
    try:
        messages = context.payloads.get(effect_key(effect)) or _messages_of(context, effect)
        messages = account_link.filled(context.account, user, effect, messages)
    except (TodokuError, render.Unrenderable, LookupError):
        manifest = deliveries.read_manifest(context.account.id, run, "0")
        if manifest is None:
            raise
        messages = manifest["payloads"][user]
    return _push(context, effect, user, messages, effect)


def notify(context: EffectContext, effect: Effect) -> tuple[str, Reason | None]:
    """Notify staff: a LINE user, group or room by push, an address by a POST of ``{"text"}``."""
    to, text = str(effect["to"]), str(effect["text"])
    if "://" in to:
        post(context, effect, to, {"text": text})
        return "done", None
    return _push(context, effect, to, [{"type": "text", "text": text}], {"category": "internal"})


def _run(context: EffectContext, effect: Effect) -> str:
    event = context.event
    return run_id(event.account_id, event.user_id, event.event_id, effect)


def _messages_of(context: EffectContext, effect: Effect) -> list[dict[str, Any]]:
    """What a staff member wrote, what a form asks, or a message document rendered now.

    Raises LookupError when the former is only in the event's own message (it was too large to keep).
    """
    if "form" in effect:
        return effect["messages"] or []
    if context.event.type == STAFF_MESSAGE:
        written: list[dict[str, Any]] = context.event.props["messages"]
        return written
    body = context.program.snapshot.get("messages", effect["message"]).body
    return rendered(context, body, effect, clock.now())


def rendered(
    context: EffectContext, body: Mapping[str, Any], effect: Effect, now: datetime
) -> list[dict[str, Any]]:
    """A message's objects for the friend as they read now, for an effect. Raises Unrenderable."""
    whose = friend_tokens.of_effect(context.event.user_id, effect["rule"], context.event.type)
    props = context.event.props | effect.get("event", {})
    return render.render(
        body,
        context.sheet,
        context.program.snapshot,
        now,
        event=props | ({"match": effect["match"]} if "match" in effect else {}),
        zone=context.account.zone,
        token=lambda page="": context.program.tokens(context.account.id, whose, page),
        account_link=account_link.place_for(effect),
    )


def _push(
    context: EffectContext,
    effect: Effect,
    to: str,
    messages: list[dict[str, Any]],
    policed: Mapping[str, Any],
) -> tuple[str, Reason | None]:
    event = context.event
    chunk = deliveries.Chunk(
        account=context.account.id,
        run=_run(context, effect),
        chunk="0",
        kind="push",
        recipients=[to],
        payloads={to: messages},
        category=str(policed.get("category", "marketing")),
        topic=policed.get("topic"),
        repeats=bool(policed.get("repeats")),
        cause={
            "rule": effect["rule"],
            "index": effect["index"],
            "user_id": event.user_id,
            "event_id": event.event_id,
            **({"asked": asked} if (asked := pending_question.of(effect)) else {}),
        },
        shard=friend_shard(to, context.account.shards),
    )
    manifest = deliveries.put_chunk(chunk, watch=True)
    if to == event.user_id:
        effect["messages"] = sent.kept((manifest.get("payloads") or {}).get(to) or messages)
        _note_left_out(effect, together.left_out(messages))
    refused = (manifest.get("skips") or {}).get(to)
    return ("skipped", Reason.of(refused)) if refused else ("done", None)
