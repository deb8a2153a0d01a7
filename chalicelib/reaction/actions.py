"""What a reaction says, to the friend and to others, and what it records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from chalicelib.actions.kinds import ActionKind, Produced, named
from chalicelib.actions.loading import Seconds
from chalicelib.actions.model import Decision, Done, Effect, EffectContext, Rehearsal
from chalicelib.actions.texts import Text
from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import Fact
from chalicelib.shared.errors import Detail
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.fields import Id, Strict
from chalicelib.shared.reasons import Reason
from chalicelib.shared.storable import is_storable

CUSTOM_PATTERN = r"^[^\x00-\x1f\x7f]{1,100}$"
"""What may follow ``custom:``."""


class Reply(Strict):
    """A message by reply token, or one of several; ``push_fallback`` pays for a push when it is refused."""

    message: Id | None = None
    any_of: Annotated[list[Id], Field(min_length=2, max_length=20)] | None = None
    choose: Literal["random", "rotate"] | None = None
    push_fallback: bool = False

    @model_validator(mode="after")
    def _one_or_several(self) -> Reply:
        if (self.message is None) is (self.any_of is None):
            raise ValueError(Reason("message_or_any_of"))
        if self.choose is not None and self.any_of is None:
            raise ValueError(Reason("choose_with_any_of"))
        return self


class Send(Strict):
    """A message by push; ``loading`` shows for so many seconds at most that it is coming."""

    message: Id
    loading: Seconds | None = None


class Notify(Strict):
    """A text to staff: ``to`` is a LINE user, group or room id, or an https address."""

    to: Annotated[str, Field(min_length=1, max_length=1000)]
    text: Text


class RecordEvent(Strict):
    """A custom event, as if it had come from outside."""

    name: Annotated[str, Field(pattern=CUSTOM_PATTERN)]
    props: dict[str, Any] = Field(default={})


def _messages(value: Mapping[str, Any], path: str) -> Iterable[Reference]:
    if value.get("any_of"):
        return [Reference(f"{path}.any_of[{n}]", "messages", one) for n, one in enumerate(value["any_of"])]
    return named("messages", "message")(value, path)


def _reaches_staff(value: Mapping[str, Any], _snapshot: Snapshot, path: str) -> Iterable[Detail]:
    from chalicelib.messages import addresses

    if "://" in value["to"]:
        wrong = addresses.problem(value["to"])
    else:
        named_so = _is_line_id(value["to"])
        wrong = None if named_so else Reason("notify_to")
    if wrong:
        yield Detail(f"{path}.to", wrong)


def _is_line_id(text: str) -> bool:
    return text[:1] in {"U", "C", "R", "L"} and text.isalnum() and text.isascii() and len(text) <= 128


def _can_be_stored(value: Mapping[str, Any], _snapshot: Snapshot, path: str) -> Iterable[Detail]:
    if not is_storable(value.get("props") or {}):
        yield Detail(f"{path}.props", Reason("props_unstorable"))


def _recorded(value: Mapping[str, Any], _snapshot: Snapshot) -> Iterable[Produced]:
    yield f"custom:{value['name']}", {}


def _send(decision: Decision, effect: Effect, value: Mapping[str, Any], context: Any) -> list[Fact]:
    from chalicelib.reaction import apply

    return apply.send(decision, effect, value, context)


def _notify(decision: Decision, effect: Effect, value: Mapping[str, Any], context: Any) -> list[Fact]:
    from chalicelib.reaction import apply

    return apply.notify(decision, effect, value, context)


def _notify_staff(context: Any, effect: Effect) -> Done:
    from chalicelib.reaction.effects import outgoing_messages

    return outgoing_messages.notify(context, effect)


def _rehearse_notice(rehearsal: Rehearsal, effect: Mapping[str, Any], _event: FriendEvent) -> None:
    if "://" not in str(effect["to"]):
        rehearsal.notice(effect, str(effect["to"]))


def _record(decision: Decision, effect: Effect, value: Mapping[str, Any], context: Any) -> list[Fact]:
    from chalicelib.reaction import apply

    return apply.record_event(decision, effect, value, context)


def _arm(context: EffectContext, effect: Effect) -> Done:
    from chalicelib.reaction import due_times

    due_times.arm(context.account.id, context.event.user_id, effect["at"])
    return "done", None


ACTIONS: dict[str, ActionKind] = {
    "reply": ActionKind(
        model=Reply,
        references=_messages,
        apply=_send,
        outgoing="reply",
        why_not_in_scenarios=Reason("no_reply_here"),
    ),
    "send": ActionKind(model=Send, references=_messages, apply=_send, outgoing="push"),
    "notify": ActionKind(
        model=Notify,
        check=_reaches_staff,
        apply=_notify,
        carry_out=_notify_staff,
        rehearse=_rehearse_notice,
        outgoing="staff",
        address="to",
    ),
    "record_event": ActionKind(
        model=RecordEvent, check=_can_be_stored, apply=_record, at_once=_recorded, changes_facts_alone=True
    ),
    "arm_due_time": ActionKind(carry_out=_arm, is_shown=False),
}
