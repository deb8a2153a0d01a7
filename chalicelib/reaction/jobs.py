"""What the reaction leaves for later: batches of events, what came of what it sent."""

from __future__ import annotations

from chalicelib.actions.model import Result
from chalicelib.jobs import kinds
from chalicelib.jobs.kinds import Body, JobKind
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason


def _events(body: Body, received: int) -> None:
    """``{"events": [message, …]}``: react to each. Those that fail do not hold up the others: they come
    again by themselves, later and later; the last attempt leaves a ``failed`` activity of each before the
    message goes to the dead letters.
    """
    from chalicelib.reaction import service

    failed: list[Body] = []
    failures: list[str] = []
    is_last = kinds.is_last(body) or received >= kinds.LAST_RECEIVE
    for message in body["events"]:
        event = FriendEvent.from_message(message)
        try:
            service.react(event)
        except Exception as error:  # noqa: BLE001 (the message as a whole fails below)
            logger.exception("an event of a batch failed", extra={"event": event.event_id})
            failed.append(message)
            failures.append(f"{event.event_id}: {error}")
            if is_last:
                service.give_up(event, f"{type(error).__name__}: {error}")
    if not failed:
        return
    why = "; ".join(failures)[:500]
    if is_last:
        raise kinds.NotDone(why)
    kinds.retry_later(body | {"events": failed}, why)


def _call_outcome(body: Body, _received: int) -> None:
    """What came of a call, reported on the friend's activity as soon as that exists, and on the rule."""
    from chalicelib.reaction import delivery_results
    from chalicelib.rules import health

    result = Result(status=body["status"], why=body["why"])
    try:
        delivery_results.report_call(body["account"], body["user"], body, result)
    except Unavailable as error:
        if not kinds.is_last(body) and not isinstance(error, delivery_results.Gone):
            kinds.retry_later(body, str(error))
        elif result["status"] == "failed":
            # The friend was erased, or the event is among the dead letters: the rule counts it all the same.
            health.note(body["account"], body["rule"], "failed", Reason.of(body["why"]))


def _outcome(body: Body, _received: int) -> None:
    """What came of a push, likewise; of one that came to nothing only."""
    from chalicelib.reaction import delivery_results

    try:
        delivery_results.report(body["account"], body["run"], body["chunk"], last=kinds.is_last(body))
    except Unavailable as error:
        kinds.retry_later(body, str(error))


JOBS: dict[str, JobKind] = {
    "events": JobKind(_events, attempts=kinds.LAST_RECEIVE),
    "call_outcome": JobKind(_call_outcome, attempts=12),
    "outcome": JobKind(_outcome, attempts=12),
}
