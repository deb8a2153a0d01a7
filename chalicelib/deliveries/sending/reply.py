"""Replies: free, within a minute of the event, and without a retry key, so never repeated.

https://developers.line.biz/en/reference/messaging-api/#send-reply-message
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from chalicelib.accounts import service as accounts
from chalicelib.deliveries import limits
from chalicelib.gateways import line
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason


@dataclass(frozen=True)
class Outcome:
    """``done``; ``invalid_token`` (LINE sent nothing: the token is used, old or wrong, so a push may take
    its place); ``failed`` (LINE sent nothing, ``why`` says it); ``unknown`` (it may have been sent).
    """

    status: Literal["done", "invalid_token", "failed", "unknown"]
    why: Reason | None = None
    request_id: str | None = None


def reply(
    account: str, event_id: str, rule: str, reply_token: str, messages: list[dict[str, Any]]
) -> Outcome:
    """Use a reply token, once. ``event_id`` and ``rule`` say on whose behalf, for the log.

    Whoever runs an effect again must not call this again: a reply that may have been sent stays unknown.
    """
    limits.wait(limits.bucket(account, "reply"))
    token = accounts.line_credentials(account)["channel_access_token"]
    try:
        answer = line.send(token, "reply", {"replyToken": reply_token, "messages": messages})
        if answer.status == 401:
            # Nothing was sent, so a fresh token may be tried.
            fresh = accounts.line_credentials(account, refresh=True)["channel_access_token"]
            if fresh != token:
                answer = line.send(fresh, "reply", {"replyToken": reply_token, "messages": messages})
    except line.NoAnswer as error:
        outcome = Outcome("unknown", why=Reason("line_no_answer", error=str(error)))
    else:
        outcome = _outcome(answer)
    if outcome.status != "done":
        logger.warning(
            "reply %s: %s",
            outcome.status,
            outcome.why,
            extra={"account": account, "event": event_id, "rule": rule},
        )
    return outcome


def _outcome(answer: line.Answer) -> Outcome:
    if 200 <= answer.status < 300:
        return Outcome("done", request_id=answer.request_id)
    why = Reason("line_answered", status=answer.status, message=answer.message)
    if 400 <= answer.status < 500 and answer.status != 408:
        invalid = answer.refuses_reply_token
        return Outcome("invalid_token" if invalid else "failed", why, answer.request_id)
    return Outcome("unknown", why, answer.request_id)
