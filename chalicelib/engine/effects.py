"""Carrying out what was decided. Each effect has a name (event, rule, index) and is safe to repeat.

Statuses: ``done``; ``failed`` (it will not happen, ``why`` says it); ``skipped`` (it must not happen);
``unknown`` (a reply whose outcome nobody can know). What may work later raises, after everything else
was tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.deliveries import clicks
from chalicelib.engine import calls, forgetting, moments, speech, waiting
from chalicelib.engine.errand import Errand, note
from chalicelib.engine.model import ANSWERING, SPEAKING, effect_key
from chalicelib.friends import contents
from chalicelib.gateways import line, queues
from chalicelib.messages import render
from chalicelib.scenarios import service as scenarios
from chalicelib.shared.errors import TodokuError, Unavailable
from chalicelib.shared.observability import logger
from chalicelib.shared.times import iso, parse_iso

UNSEND_WINDOW = timedelta(hours=25)
"""LINE lets people take back a message for 24 hours."""
INTERNAL = frozenset(
    {
        *("scenario_event", "scenario_action_done", "hide_message", "fetch_profile", "fetch_content"),
        *("arm_moment", "count_click"),
    }
)
"""Effects that no author wrote; the timeline shows them only when they failed."""


class Unfinished(Exception):
    """Some effects could not be carried out now; the event must come again."""


def carry_out(errand: Errand, effects: list[dict[str, Any]]) -> None:
    """Carry out every pending effect, replies first (their token is short-lived); notes each one's status.

    Raises Unfinished when some must be tried again; the statuses noted until then hold.
    """
    speech.reply(errand, [e for e in effects if _is_answer(e)])
    speech.show_loading(errand, effects)
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
        note(effect, status, why)
    for effect in effects:
        asked = waiting.of(effect)
        if asked is not None and effect["status"] in {"failed", "skipped"}:
            waiting.forget(errand.account, errand.event.user_id, asked)
    if unfinished:
        raise Unfinished("; ".join(unfinished)[:500])


def _is_answer(effect: Mapping[str, Any]) -> bool:
    is_open = effect["status"] == "pending" and effect.get("via") != "push"
    return bool(is_open and effect["action"] in ANSWERING)


# Rich menus


def _switch_rich_menu(errand: Errand, effect: dict[str, Any]) -> tuple[str, str | None]:
    """Link the menu to the friend at LINE; linking again changes nothing."""
    account, user = errand.account.id, errand.event.user_id
    token = accounts.line_credentials(account)["channel_access_token"]
    answer = line.link_rich_menu(token, user, effect["rich_menu_id"])
    if answer.status == 401:
        token = accounts.line_credentials(account, refresh=True)["channel_access_token"]
        answer = line.link_rich_menu(token, user, effect["rich_menu_id"])
    if 200 <= answer.status < 300:
        return "done", None
    why = f"LINE answered {answer.status}: {answer.message}"
    if answer.status == 429 or answer.status >= 500:
        raise Unavailable(why)
    return "failed", why


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
    """LINE asks that what was unsent is not kept. A message that comes from now on finds that on the sheet;
    one that is being worked on at this moment is looked for again later.
    """
    event = errand.event
    gone = {"job": "forget_content", "account": errand.account.id, "user": event.user_id}
    queues.send("bulk", gone | {"message_id": effect["message_id"]})
    since = iso(parse_iso(event.at) - UNSEND_WINDOW)
    if forgetting.hide_message(errand.account.id, event.user_id, effect["message_id"], since, event.at):
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


# Clicks


def _count_click(errand: Errand, effect: dict[str, Any]) -> tuple[str, str | None]:
    clicks.count(errand.account.id, effect["delivery"], effect["run"], effect["variant"])
    return "done", None


# Time


def _arm_moment(errand: Errand, effect: dict[str, Any]) -> tuple[str, str | None]:
    moments.arm(errand.account.id, errand.event.user_id, effect["at"])
    return "done", None


# Knowing the friend


def _fetch_profile(errand: Errand, _effect: dict[str, Any]) -> tuple[str, str | None]:
    """Ask for the friend's profile in the background; the reaction does not wait for it."""
    body = {"job": "profile", "account": errand.account.id, "user": errand.event.user_id}
    queues.send("bulk", body)
    return "done", None


def _fetch_content(errand: Errand, effect: dict[str, Any]) -> tuple[str, str | None]:
    """Have a picture, video, sound or file fetched before LINE forgets it."""
    account, user = errand.account.id, errand.event.user_id
    message, kind = effect["message_id"], effect["kind"]
    contents.announce(account, user, message, kind)
    body = {"job": "content", "account": account, "user": user, "message_id": message, "kind": kind}
    queues.send("bulk", body)
    return "done", None


_RUN: dict[str, Callable[[Errand, dict[str, Any]], tuple[str, str | None]]] = {
    **dict.fromkeys(SPEAKING, speech.send),
    "notify": speech.notify,
    "switch_rich_menu": _switch_rich_menu,
    "call_webhook": calls.call_webhook,
    "enter_scenario": _enter_scenario,
    "exit_scenario": _exit_scenario,
    "scenario_event": _scenario_event,
    "scenario_action_done": _scenario_action_done,
    "hide_message": _hide_message,
    "fetch_profile": _fetch_profile,
    "arm_moment": _arm_moment,
    "count_click": _count_click,
    "fetch_content": _fetch_content,
}
