"""Every change of a chunk's status and a run's control. Private to this room.

Each is one UpdateItem whose condition is the protocol's (docs/deliveries.md). An UpdateItem whose answer was
lost is sent again by the client, so the condition also holds for a change that was made by just this call,
and making it twice is making it once: values are set, never counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action

from chalicelib.deliveries.model import LEASE, Control, Status
from chalicelib.deliveries.store import CONTROL, StatusRecord, statuses_key
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

_R = StatusRecord
_OPEN = _R.state.is_in("pending", "sending")


def _update(account: str, run: str, name: str, actions: Sequence[Action], condition: Condition) -> bool:
    return StatusRecord(statuses_key(account, run), name).update_if(actions, condition)


def set_control(
    account: str, run: str, control: Control, now: datetime, *, unless: Sequence[str], while_until: str = ""
) -> bool:
    """Set a run's control unless it is in one of these states (or, if given, waits for another time)."""
    condition = _R.state.does_not_exist() | ~_R.state.is_in(*unless)
    if while_until:
        condition = (_R.state == "paused") & (_R.until == while_until)
    actions = [_R.state.set(control.state), _R.at.set(iso(now))]
    actions.append(_R.reason.set(control.reason) if control.reason else _R.reason.remove())
    actions.append(_R.until.set(control.until) if control.until else _R.until.remove())
    if control.lifted:
        actions.append(_R.lifted.set(True))
    return _update(account, run, CONTROL, actions, condition)


def note_slowed(account: str, run: str, now: datetime) -> None:
    """Note on a run's control that LINE asked for fewer calls."""
    condition = _R.slowed_at.does_not_exist() | (_R.slowed_at < iso(now))
    _update(account, run, CONTROL, [_R.slowed_at.set(iso(now))], condition)


def mark(account: str, run: str, seen: Status, by: str, now: datetime, chars: str | None = None) -> bool:
    """The mark before the call: one attempt more, its lease, and who is about to be tried.

    False when the chunk is not as it was seen: somebody else is at it, or it has come to its end. ``by``
    names the worker for this one attempt, so that a mark that is sent again knows its own.
    """
    number = seen.attempts + 1
    actions: list[Action] = [
        _R.state.set("sending"),
        _R.attempts.set(number),
        _R.marked_by.set(by),
        _R.lease_until.set(iso(now + LEASE)),
        _R.lease_by.set(settings().life),
        _R.first_attempt_at.set(_R.first_attempt_at | iso(now)),
    ]
    actions.append(_R.unanswered.add({number}) if chars is None else _R.chars.set(chars))
    own = (_R.attempts == number) & (_R.marked_by == by)
    return _update(account, run, seen.chunk, actions, _OPEN & (_unheld(seen, now) | own))


def _unheld(seen: Status, now: datetime) -> Condition:
    """Nobody holds the chunk, and it is as it was read."""
    over: Condition = (_R.lease_until < iso(now)) | (_R.lease_by != settings().life)
    unchanged: Condition = _R.attempts == seen.attempts
    if seen.chars:
        unchanged &= _R.chars == seen.chars
    free: Condition = (_R.lease_until.does_not_exist() | over) & unchanged
    return free


def _only(attempt: int) -> Condition:
    """No other attempt than this one is without an answer."""
    only: Condition = _R.unanswered.contains(attempt) & (size(_R.unanswered) == 1)  # type: ignore[no-untyped-call]
    return only


def accept(account: str, run: str, chunk: str, request_id: str | None, now: datetime) -> bool:
    """LINE took a multicast: final, whoever asked and whatever else was answered."""
    actions = [_R.state.set("accepted"), _R.at.set(iso(now)), _R.lease_until.remove()]
    if request_id:
        actions.append(_R.request_id.set(request_id))
    return _update(account, run, chunk, actions, _OPEN)


def finish(
    account: str, run: str, chunk: str, attempt: int, state: str, reason: str | None, now: datetime
) -> bool:
    """A refusal of the only attempt that may still be accepted: final. False when it is not the only one."""
    condition = _R.state.is_in("pending", "sending", state) & _only(attempt)
    return _finish(account, run, chunk, state, reason, now, condition)


def finish_untouched(
    account: str, run: str, seen: Status, state: str, reason: str | None, now: datetime
) -> bool:
    """End a multicast that LINE cannot have accepted; False when an attempt has begun meanwhile."""
    already = (_R.state == state) & (_R.reason == reason)
    condition = ((_R.state == "pending") | already) & (_R.attempts == seen.attempts)
    return _finish(account, run, seen.chunk, state, reason, now, condition)


def give_up(account: str, run: str, seen: Status, now: datetime) -> bool:
    """An unanswered attempt is too old to be repeated: ``unknown``."""
    return _finish(account, run, seen.chunk, "unknown", None, now, _OPEN & _unheld(seen, now))


def _finish(
    account: str, run: str, chunk: str, state: str, reason: str | None, now: datetime, condition: Condition
) -> bool:
    actions = [_R.state.set(state), _R.at.set(iso(now)), _R.lease_until.remove()]
    if reason:
        actions.append(_R.reason.set(reason))
    return _update(account, run, chunk, actions, condition)


def close_attempt(account: str, run: str, chunk: str, attempt: int) -> None:
    """An attempt was answered and nothing was accepted by it.

    If no other one is unanswered, the chunk waits as if it had never been tried.
    """
    if _start_anew(account, run, chunk, _only(attempt)):
        return
    _update(account, run, chunk, [_R.unanswered.delete({attempt})], _OPEN)
    if not _start_anew(account, run, chunk, _R.unanswered.does_not_exist()):
        release(account, run, chunk, attempt)


def _start_anew(account: str, run: str, chunk: str, condition: Condition) -> bool:
    actions = [
        _R.state.set("pending"),
        _R.unanswered.remove(),
        _R.first_attempt_at.remove(),
        _R.lease_until.remove(),
        _R.marked_by.remove(),
    ]
    return _update(account, run, chunk, actions, _OPEN & condition)


def release(account: str, run: str, chunk: str, attempt: int) -> None:
    """Give the lease of an attempt back; a later attempt's lease stays."""
    actions = [_R.lease_until.remove(), _R.marked_by.remove()]
    _update(account, run, chunk, actions, _OPEN & (_R.attempts == attempt))


def split(account: str, run: str, chunk: str, attempt: int, drop: Sequence[str], now: datetime) -> bool:
    """Note that these recipients are refused and the others are to go on as a child."""
    actions = [_R.state.set("split"), _R.drop.set(list(drop)), _R.at.set(iso(now)), _R.lease_until.remove()]
    condition = _R.state.is_in("pending", "sending", "split") & _only(attempt)
    return _update(account, run, chunk, actions, condition)


def split_untouched(
    account: str, run: str, seen: Status, drop: Sequence[str], reason: str, now: datetime
) -> bool:
    """Note likewise that these are left out, for this reason, of a multicast LINE cannot have accepted."""
    actions = [_R.state.set("split"), _R.drop.set(list(drop)), _R.reason.set(reason), _R.at.set(iso(now))]
    already = (_R.state == "split") & (_R.reason == reason)
    condition = ((_R.state == "pending") | already) & (_R.attempts == seen.attempts)
    return _update(account, run, seen.chunk, actions, condition)


def replace(account: str, run: str, chunk: str) -> bool:
    """The child is stored: the parent counts no more but for those it dropped."""
    return _update(account, run, chunk, [_R.state.set("replaced")], _R.state.is_in("split", "replaced"))


def save_chars(
    account: str, run: str, chunk: str, attempt: int, before: str, chars: str, *, lease: bool, now: datetime
) -> bool:
    """Save what a push chunk's recipients came to; only the newest attempt may, over what it saved last.

    Without ``lease``: the end of the attempt; nobody left to try ends the chunk.
    """
    actions = [_R.chars.set(chars), _R.at.set(iso(now))]
    if not lease:
        waiting = set(chars) & {".", "?"}
        state = "done" if not waiting else "sending" if "?" in waiting else "pending"
        actions += [_R.state.set(state), _R.lease_until.remove(), _R.marked_by.remove()]
    if "?" not in chars:
        actions.append(_R.first_attempt_at.remove())
    unchanged = (_R.state == "sending") & (_R.chars == before)
    condition = (_R.attempts == attempt) & (unchanged | (_R.chars == chars))
    return _update(account, run, chunk, actions, condition)


def save_untouched_chars(account: str, run: str, seen: Status, chars: str, now: datetime) -> bool:
    """End recipients of a push chunk that nobody holds; False when an attempt has begun meanwhile."""
    waiting = set(chars) & {".", "?"}
    actions = [_R.chars.set(chars), _R.at.set(iso(now))]
    if not waiting:
        actions += [_R.state.set("done"), _R.lease_until.remove()]
    if "?" not in waiting:
        actions.append(_R.first_attempt_at.remove())
    already = (_R.attempts == seen.attempts) & (_R.chars == chars)
    return _update(account, run, seen.chunk, actions, (_OPEN & _unheld(seen, now)) | already)


def set_watch(account: str, run: str, chunk: str, attempt: int) -> None:
    """Note that a chunk's watch has gone on to this attempt."""
    _update(account, run, chunk, [_R.watch.set(attempt)], (_R.watch < attempt) | _R.watch.does_not_exist())
