"""What policies hold of what rules and forms push: it is not put in the ledger, it waits, and is judged anew.

The effect says ``held`` until when; a due entry of the timers (kind ``rule_hold``, ids only: nothing that was
said) brings it back (``held``). Pure but for ``put_off``.
"""

from __future__ import annotations

from datetime import datetime

from chalicelib.actions.effects import run_id
from chalicelib.actions.kinds import goes_by_push
from chalicelib.actions.model import Effect
from chalicelib.deliveries import policies
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock
from chalicelib.reaction.effects.context import EffectContext
from chalicelib.rules.model import Program, Rule
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso, to_ms
from chalicelib.timers import service as timers
from chalicelib.topics import consent


def is_push(effect: Effect) -> bool:
    """Whether an open effect pushes something to the friend."""
    return effect["status"] == "pending" and goes_by_push(effect)


def ruling(policy: policies.Policy, effect: Effect, now: datetime) -> policies.Ruling:
    """What the policies say of a push now."""
    return policies.decide(policy, str(effect.get("category", "marketing")), now)


def asks_again(program: Program, effect: Effect, sheet: Sheet, now: datetime) -> bool:
    """What a held effect keeps for its end: whether its rule's ``if`` is to be asked again.

    One that the rule's own actions have made false (the tag that says "done") is not: it has had its say.
    """
    rule = _rule(program, str(effect["rule"]))
    return rule is not None and rule.condition is not None and rule.condition(sheet, now)


def why_not(program: Program, effect: Effect, sheet: Sheet, now: datetime) -> Reason | None:
    """Why a held push is not sent when its hold has ended; None: it is."""
    if sheet.get("status") == "blocked":
        return Reason("blocked")
    kind, _, id_ = str(effect["rule"]).partition(":")
    if kind == "schedule":
        document = program.snapshot.find("schedules", id_)
        if document is None or not document.body["enabled"]:
            return Reason("not_in_force")
    if consent.holds_back(sheet, effect, program.snapshot):
        return Reason("opted_out")
    if ":" not in effect["rule"]:
        rule = _rule(program, str(effect["rule"]))
        if rule is None:
            return Reason("not_in_force")
        if effect.get("asks_again") and rule.condition is not None and not rule.condition(sheet, now):
            return Reason("condition_ended")
    if "question" in effect:
        standing = sheet.get("form_session") or {}
        asked = (effect["form"], effect["question"], effect["asked_at"])
        if tuple(standing.get(name) for name in ("form", "question", "at")) != asked:
            return Reason("overtaken")
    return None


def _rule(program: Program, name: str) -> Rule | None:
    return next((rule for rules in program.rules.values() for rule in rules if rule.id == name), None)


def put_off(context: EffectContext, effect: Effect) -> tuple[str, Reason] | None:
    """Have a push that policies hold come back when they let it go; None: it may go now. Safe to repeat.
    What the friend is out of is not sent at all.
    """
    if consent.holds_back(context.sheet, effect, context.program.snapshot):
        return "skipped", Reason("opted_out")
    now = clock.now()
    found = ruling(policies.of_account(context.account, context.program.snapshot), effect, now)
    if found.kind == "go":
        return None
    if found.kind == "skip":
        return "skipped", Reason.of(found.reason)
    wait(context.account.id, context.event.user_id, context.event.event_id, effect, found.until)
    effect["until"] = iso(found.until)
    if asks_again(context.program, effect, context.sheet, now):
        effect["asks_again"] = True
    return "held", Reason.of(found.reason)


def wait(account: str, user: str, event_id: str, effect: Effect, until: datetime) -> None:
    """Arm the entry that brings an effect back."""
    body = {"user_id": user, "event_id": event_id, "rule": effect["rule"], "index": effect["index"]}
    name = run_id(account, user, event_id, effect)
    timers.arm(timers.Entry(account, "rule_hold", name, to_ms(until), until, body=body))
