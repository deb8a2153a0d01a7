"""Forms within a reaction: beginning one, going on after an answer, and the questions as effects. Pure."""

from __future__ import annotations

from typing import Any

from chalicelib.actions.model import ActionContext, CannotRun, Change, Decision, Effect
from chalicelib.forms import ask, flow, results
from chalicelib.forms.flow import Turn
from chalicelib.forms.model import Form, Question
from chalicelib.messages.render import Unrenderable
from chalicelib.shared.reasons import Reason
from chalicelib.sheets import sheet as sheets
from chalicelib.sheets.model import Fact
from chalicelib.sheets.values import UnfitValue


def start(decision: Decision, effect: Effect, form_id: str, context: ActionContext) -> list[Fact]:
    """Put a form's first question. The friend's answers are the events to come. Raises CannotRun."""
    form = context.forms.get(form_id)
    if form is None:
        raise CannotRun(Reason("no_document", kind="form", id=form_id))
    effect = effect | {"form": form_id}
    why = _obstacle(decision, form, context)
    if why is not None:
        decision.effects.append(effect | {"status": "skipped", "why": why.kept()})
        return []
    question = flow.proceed(decision.after, form, None, context.event.at, context.now)
    if question is None:
        decision.effects.append(effect | {"status": "skipped", "why": "form_asks_nobody"})
        return [_finished(decision, form, context)]
    _put(decision, effect, form, question, context)
    return []


def _obstacle(decision: Decision, form: Form, context: ActionContext) -> Reason | None:
    if decision.after.get("status") == "blocked" and context.event.reply_token is None:
        return Reason("blocked")
    if flow.overtaken(decision.after, form.id, context.event.at):
        return Reason("overtaken")
    standing = decision.after.get("form_session") or {}
    if standing.get("at") == context.event.at:
        return Reason("form_asked_already", form=standing["form"])
    return None


def keep(decision: Decision, turn: Turn, context: ActionContext) -> list[Fact]:
    """Keep an answer as the attribute that the question names."""
    form = context.forms.get(turn.form)
    question = form.find(turn.question) if form else None
    if turn.outcome != "answered" or question is None or not question.attribute or not question.definition:
        return []
    name, definition, zone = question.attribute, question.definition, context.zone
    try:
        facts = sheets.set_attribute(decision.after, name, definition, turn.value, context.event.at, zone)
    except UnfitValue as error:
        decision.changes.append({"type": "refused", "why": error.reason.kept(), "by": context.by})
        return []
    if not facts:
        unchanged: Change = {"type": "unchanged", "action": "set_attribute", "what": name, "by": context.by}
        decision.changes.append(unchanged)
    return facts


def carry_on(decision: Decision, turn: Turn, context: ActionContext) -> list[Fact]:
    """After an answer the next question, or the end; after none that fits, the same question again."""
    form = context.forms.get(turn.form)
    if form is None or turn.outcome == "stale":
        return []
    if turn.outcome == "cancelled":
        messages = [{"type": "text", "text": form.words["cancelled"]}]
        _send(decision, _ask_effect(turn.rule, form), form, messages, context)
        return []
    session = decision.after.get("form_session") or {}
    if (session.get("form"), session.get("question")) != (turn.form, turn.question):
        return []  # what the answer meant has begun another form
    if turn.outcome in {"answered", "skipped"}:
        question = flow.proceed(decision.after, form, turn.question, context.event.at, context.now)
        if question is None:
            return [_finished(decision, form, context)]
    else:
        question = form.find(turn.question)
        if question is None:
            return []
    effect = _ask_effect(f"{form.rule}:{question.id}", form)
    _put(decision, effect, form, question, context, after=turn.outcome)
    return []


def _finished(decision: Decision, form: Form, context: ActionContext) -> Fact:
    answers = flow.answers_of(decision.after, form)
    outcome = results.of(form, answers, decision.after, context.now)
    _say_result(decision, form, outcome.get("result"), context)
    return "form_answered", form.id, {"form": form.id, "answers": answers, **outcome}


def finish_page(decision: Decision, form: Form, result: str | None, context: ActionContext) -> None:
    """After a form was answered on a page: what it came to is sent to the chat too, unless its author has
    switched that off.
    """
    if form.says_results and decision.after.get("status") == "following":
        _say_result(decision, form, result, context)


def _say_result(decision: Decision, form: Form, result: str | None, context: ActionContext) -> None:
    """Say a result that does not say itself, after its actions."""
    found = next((one for one in form.results if one.id == result), None)
    if found is not None and not found.says_itself:
        effect = _ask_effect(form.rule_of(found), form, len(found.then))
        _send(decision, effect, form, ask.of_result(found), context)


def _ask_effect(rule: str, form: Form, index: int = 0) -> Effect:
    """The effect by which a form sends something."""
    return {"rule": rule, "index": index, "action": "ask", "status": "pending", "form": form.id}


def _put(
    decision: Decision,
    effect: Effect,
    form: Form,
    question: Question,
    context: ActionContext,
    *,
    after: str = "",
) -> None:
    """Send a question. One that cannot be sent is not waited for; one by push only when LINE has taken it
    (``waiting``). ``after``: what became of it when it was put before.
    """
    chosen = (decision.after.get("form_session") or {}).get("chosen") or ()
    again, numbered = after in {"unfit", "ambiguous"}, after == "ambiguous"
    messages = ask.messages(form, question, chosen=chosen, again=again, numbered=numbered)
    effect = effect | {"question": question.id, "asked_at": context.event.at}
    if not _send(decision, effect, form, messages, context):
        decision.after.pop("form_session", None)
    elif context.event.reply_token is None:
        decision.after["form_session"]["held"] = True


def _send(
    decision: Decision,
    effect: Effect,
    form: Form,
    messages: list[dict[str, Any]],
    context: ActionContext,
) -> bool:
    """Have something sent by reply token, or by push where there is none. The effect keeps what is sent:
    after a crash it cannot be made again from a document.
    """
    asked: Effect = {**effect, "status": "pending", "category": form.category, "push_fallback": True}
    if context.event.source == "line":
        asked["repeats"] = True
    if context.event.reply_token is None:
        asked["via"] = "push"
    try:
        asked["messages"] = context.render(decision, effect, {"messages": messages})
    except Unrenderable as error:
        asked = {**effect, "status": "failed", "why": error.reason.kept()}
    decision.effects.append(asked)
    return asked["status"] == "pending"
