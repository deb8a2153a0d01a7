"""LINE's Messaging API: one HTTP call per function, no retries inside, every call crossing the seam.

Sends are raw JSON over pooled connections: LINE's objects go out exactly as they were saved, also those
that an SDK does not know yet, and no SDK has to be imported while somebody waits. Calls of operators are in
``line_admin``.
Rules: https://developers.line.biz/en/reference/messaging-api/
"""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import quote

import urllib3

from chalicelib.gateways import seam
from chalicelib.gateways.line import texts
from chalicelib.shared import metrics, time_left
from chalicelib.shared.observability import logger
from chalicelib.shared.settings import settings

PATHS = {
    "reply": "/v2/bot/message/reply",
    "push": "/v2/bot/message/push",
    "multicast": "/v2/bot/message/multicast",
    "narrowcast": "/v2/bot/message/narrowcast",
}


REPLY_TIMEOUT_S = 5.0
"""Replies are sent inside the reaction, whose function may run for 10 seconds."""
LOADING_TIMEOUT_S = 1.0
VALIDATE_TIMEOUT_S = 5.0
MENU_TIMEOUT_S = LINK_TIMEOUT_S = 3.0
"""What else a reaction asks of LINE: with the reply's, less than the function's 10 seconds."""
_ORDINARY = {
    "push": {409},
    "multicast": {409},
    "narrowcast": {409},
    "validate": {400},
    "profile": {400, 403, 404},
    "link_token": {400, 404},
    "content": {404, 410},
    "followers": {403},
}
"""By kind of call: refusals that mean something and are no error (sent before; no friend; unsent)."""
_IN_MEMORY = 4 << 20
_PIECE = 256 << 10


class NoAnswer(Exception):
    """LINE did not answer (timeout, reset, refused connection): whether it accepted is not known."""


class Refused(Exception):
    """LINE refused, for good, with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"LINE answered {status}")
        self.status = status


@dataclass(frozen=True)
class Answer:
    """LINE's answer to a send. ``accepted_request_id`` names the earlier accepted request of a 409."""

    status: int
    message: str = ""
    request_id: str | None = None
    accepted_request_id: str | None = None
    sent_messages: list[dict[str, Any]] = field(default_factory=list)
    details: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_over_quota(self) -> bool:
        """Whether the month's messages are used up; any other 429 is about the rate of calls."""
        return self.status == 429 and texts.is_monthly_limit(self.message)

    @property
    def refuses_reply_token(self) -> bool:
        """Whether the reply token is used, too old or wrong."""
        return self.status == 400 and texts.is_reply_token(self.message)

    @property
    def wrong_recipients(self) -> tuple[int, ...]:
        """The places of the recipients by whom LINE says that it refuses a multicast."""
        return texts.wrong_recipients(self.message, self.details) if self.status == 400 else ()

    @property
    def refuses_recipient(self) -> bool:
        """Whether LINE says that it refuses a push for its recipient."""
        return self.status == 400 and texts.is_recipient(self.message, self.details)


@dataclass(frozen=True)
class Content:
    """LINE's answer for a message's content. 200: ``body`` holds it from its start; 413: it is too large."""

    status: int
    content_type: str = ""
    body: IO[bytes] | None = None


def send(token: str, kind: str, body: Mapping[str, Any], retry_key: str | None = None) -> Answer:
    """POST one message request of a kind in ``PATHS``. Raises NoAnswer; every HTTP status is an Answer.

    Replies take no retry key (LINE refuses it); all others should always carry one.
    """
    detail = {"token": token, "body": body, "retry_key": retry_key}
    return seam.cross(f"line:{kind}", detail, lambda: _post(token, kind, body, retry_key))


def validate(token: str, messages: Sequence[Mapping[str, Any]]) -> Answer:
    """What LINE says of message objects without sending them; 400 with the places in ``details``. Raises
    NoAnswer.

    https://developers.line.biz/en/reference/messaging-api/#validate-message-objects-of-push-message
    """
    path = "/v2/bot/message/validate/push"
    return _small(token, "validate", path, {"messages": list(messages)}, VALIDATE_TIMEOUT_S)


def show_loading(token: str, user_id: str, seconds: int) -> Answer:
    """Show a friend that an answer is coming, 5 to 60 seconds (a multiple of 5). Raises NoAnswer.

    https://developers.line.biz/en/reference/messaging-api/#display-a-loading-indicator
    """
    body = {"chatId": user_id, "loadingSeconds": seconds}
    return _small(token, "loading", "/v2/bot/chat/loading/start", body, LOADING_TIMEOUT_S)


def link_rich_menu(token: str, user_id: str, rich_menu_id: str | None) -> Answer:
    """Show a friend this rich menu from now on (None: the account's default one); the same again changes
    nothing. Raises NoAnswer.

    https://developers.line.biz/en/reference/messaging-api/#link-rich-menu-to-user
    """
    path = f"/v2/bot/user/{quote(user_id, safe='')}/richmenu"
    if rich_menu_id is None:
        return _small(token, "richmenu", path, None, MENU_TIMEOUT_S, method="DELETE")
    return _small(token, "richmenu", f"{path}/{quote(rich_menu_id, safe='')}", None, MENU_TIMEOUT_S)


def content(token: str, message_id: str, max_bytes: int) -> Content:
    """What a friend sent as image, video, audio or file. 202: LINE is preparing it. Raises NoAnswer.

    https://developers.line.biz/en/reference/messaging-api/#get-content
    """
    detail = {"token": token, "message_id": message_id}
    return seam.cross("line:content", detail, lambda: _content(token, message_id, max_bytes))


def profile(token: str, user_id: str, seconds: float | None = None) -> dict[str, Any] | None:
    """A friend's profile in LINE's words (``displayName``, ``language``, …); None when LINE gives none.

    Raises NoAnswer when LINE cannot be reached, does not answer in time, or answers with an error of its own.
    https://developers.line.biz/en/reference/messaging-api/#get-profile
    """
    detail = {"token": token, "user_id": user_id}
    return seam.cross("line:profile", detail, lambda: _profile(token, user_id, seconds))


def link_token(token: str, user_id: str) -> str | None:
    """A token for LINE's account link: ten minutes, one use; None when LINE gives none (no friend).

    Raises NoAnswer. https://developers.line.biz/en/docs/messaging-api/linking-accounts/
    """
    detail = {"token": token, "user_id": user_id}
    return seam.cross("line:link_token", detail, lambda: _link_token(token, user_id))


def basic_id(token: str) -> str:
    """The account's id at LINE (``@…``), for addresses that friends open. Raises NoAnswer.

    https://developers.line.biz/en/reference/messaging-api/#get-bot-info
    """
    return str(seam.cross("line:info", {"token": token}, lambda: _basic_id(token)))


def followers(token: str, start: str | None) -> tuple[list[str], str | None]:
    """A page of at most 1,000 user ids of whoever follows, and the token of the next (None: it is the last).

    Raises Refused (403: neither verified nor premium; 400: the token is older than a day; 401), and NoAnswer.
    https://developers.line.biz/en/reference/messaging-api/#get-follower-ids
    """
    detail = {"token": token, "start": start}
    return seam.cross("line:followers", detail, lambda: _followers(token, start))


def quota(token: str) -> tuple[int | None, int]:
    """This month's limit (None: unlimited) and what is used of it, by LINE's approximate count.

    Raises NoAnswer when LINE cannot be asked.
    """
    return seam.cross("line:quota", {"token": token}, lambda: _quota(token))


@functools.cache
def _pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(maxsize=32, retries=False)


def _timeout(seconds: float) -> urllib3.Timeout:
    """No longer than the setting, nor than leaves the invocation time to write what came of the call."""
    seconds = time_left.current().for_call(min(seconds, settings().line_timeout_s))
    return urllib3.Timeout(connect=min(3.0, seconds), read=seconds)


def _post(token: str, kind: str, body: Mapping[str, Any], retry_key: str | None) -> Answer:
    seconds = REPLY_TIMEOUT_S if kind == "reply" else settings().line_timeout_s
    return _call(token, kind, "POST", PATHS[kind], body, retry_key, seconds)


def _small(
    token: str,
    kind: str,
    path: str,
    body: Mapping[str, Any] | None,
    seconds: float,
    *,
    method: str = "POST",
) -> Answer:
    detail = {"token": token, "path": path, "body": body} | ({"method": method} if method != "POST" else {})
    return seam.cross(f"line:{kind}", detail, lambda: _call(token, kind, method, path, body, None, seconds))


def _call(
    token: str,
    kind: str,
    method: str,
    path: str,
    body: Mapping[str, Any] | None,
    retry_key: str | None,
    seconds: float,
) -> Answer:
    response = _request(token, kind, method, path, body, retry_key, seconds)
    return _answer(response.status, response.headers, response.data)


def _request(
    token: str,
    kind: str,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    retry_key: str | None = None,
    seconds: float | None = None,
) -> urllib3.BaseHTTPResponse:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"}
    if retry_key is not None:
        headers["X-Line-Retry-Key"] = retry_key
    raw = b"" if method == "POST" else None
    if body is not None:
        raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        response = _pool().request(
            method,
            settings().line_api_url + path,
            body=raw,
            headers=headers,
            timeout=_timeout(seconds or settings().line_timeout_s),
        )
    except urllib3.exceptions.HTTPError as error:
        _note(kind, "NoAnswer", None, type(error).__name__)
        raise NoAnswer(type(error).__name__) from error
    _note_status(kind, response.status, response.headers.get("x-line-request-id"))
    return response


def _note_status(kind: str, status: int, request_id: str | None) -> None:
    """Report an answer that is an error."""
    if status < 400 or status in _ORDINARY.get(kind, ()):
        return
    _note(kind, "429" if status == 429 else "4xx" if status < 500 else "5xx", request_id, str(status))


def _note(kind: str, metric: str, request_id: str | None, what: str) -> None:
    metrics.count(f"Line{metric}", kind=kind)
    extra = {"kind": kind, "status": what, "line_request_id": request_id}
    logger.warning("LINE answered with an error", extra={name: v for name, v in extra.items() if v})


def _content(token: str, message_id: str, max_bytes: int) -> Content:
    address = f"{settings().line_data_url}/v2/bot/message/{quote(message_id, safe='')}/content"
    headers = {"Authorization": f"Bearer {token}"}
    timeout = _timeout(settings().line_timeout_s)
    try:
        response = _pool().request("GET", address, headers=headers, timeout=timeout, preload_content=False)
        try:
            body = _read(response, max_bytes) if response.status == 200 else None
        finally:
            response.close()
    except urllib3.exceptions.HTTPError as error:
        _note("content", "NoAnswer", None, type(error).__name__)
        raise NoAnswer(type(error).__name__) from error
    _note_status("content", response.status, response.headers.get("x-line-request-id"))
    if body is None:
        return Content(413 if response.status == 200 else response.status)
    return Content(200, response.headers.get("content-type", ""), body)


def _read(response: urllib3.BaseHTTPResponse, max_bytes: int) -> IO[bytes] | None:
    """The body as a file, small ones in memory; None when it is too large."""
    kept = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (the caller reads it)
    try:
        for piece in response.stream(_PIECE):
            kept.write(piece)
            if kept.tell() > max_bytes:
                kept.close()
                return None
    except BaseException:
        kept.close()
        raise
    kept.seek(0)
    return kept


def _answer(status: int, headers: Mapping[str, str], data: bytes) -> Answer:
    try:
        parsed = json.loads(data)
    except ValueError:
        parsed = None
    body: dict[str, Any] = parsed if isinstance(parsed, dict) else {}
    return Answer(
        status=status,
        message=str(body.get("message", "")),
        request_id=headers.get("x-line-request-id"),
        accepted_request_id=headers.get("x-line-accepted-request-id"),
        sent_messages=_dicts(body.get("sentMessages")),
        details=_dicts(body.get("details")),
    )


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _basic_id(token: str) -> str:
    found = _json(_request(token, "info", "GET", "/v2/bot/info", seconds=LINK_TIMEOUT_S)).get("basicId")
    if not isinstance(found, str):
        raise NoAnswer("LINE did not say which account this is")
    return found


def _profile(token: str, user_id: str, seconds: float | None) -> dict[str, Any] | None:
    path = f"/v2/bot/profile/{quote(user_id, safe='')}"
    answer = _request(token, "profile", "GET", path, seconds=seconds)
    return None if answer.status in {400, 403, 404} else _json(answer)


def _followers(token: str, start: str | None) -> tuple[list[str], str | None]:
    path = "/v2/bot/followers/ids?limit=1000" + (f"&start={quote(start, safe='')}" if start else "")
    answer = _request(token, "followers", "GET", path)
    if answer.status in {400, 401, 403}:
        raise Refused(answer.status)
    page = _json(answer)
    return [user for user in page.get("userIds") or () if isinstance(user, str)], page.get("next")


def _link_token(token: str, user_id: str) -> str | None:
    path = f"/v2/bot/user/{quote(user_id, safe='')}/linkToken"
    answer = _request(token, "link_token", "POST", path, seconds=LINK_TIMEOUT_S)
    if answer.status in {400, 404}:
        return None
    found = _json(answer).get("linkToken")
    return found if isinstance(found, str) and found else None


def _json(answer: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    """The object of an answer with 200. Raises NoAnswer for anything else."""
    try:
        found = json.loads(answer.data) if answer.status == 200 else None
    except ValueError as error:
        raise NoAnswer(type(error).__name__) from error
    if not isinstance(found, dict):
        raise NoAnswer(f"LINE answered {answer.status}")
    return found


def _quota(token: str) -> tuple[int | None, int]:
    limit = _json(_request(token, "quota", "GET", "/v2/bot/message/quota"))
    used = _json(_request(token, "quota", "GET", "/v2/bot/message/quota/consumption"))
    try:
        return (int(limit["value"]) if limit.get("value") is not None else None, int(used["totalUsage"]))
    except (KeyError, TypeError, ValueError) as error:
        raise NoAnswer(type(error).__name__) from error
