"""LINE's management calls, by the official SDK: for operators, who can wait for its import.

Rules: https://developers.line.biz/en/reference/messaging-api/#webhook-settings
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.gateways import seam
from chalicelib.gateways.line import texts
from chalicelib.shared.settings import settings


class Refused(Exception):
    """LINE refused (``status``), or did not answer (``status`` None). ``line_message``: LINE's own sentence;
    ``details``: what is wrong where, of what was sent (``{"property", "message"}``).
    """

    def __init__(
        self,
        status: int | None,
        message: str,
        line_message: str = "",
        details: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.status, self.line_message, self.details = status, line_message, list(details)

    @property
    def may_work_later(self) -> bool:
        """Whether the same may be taken later: LINE is in trouble, or has had enough for now."""
        return self.status is None or self.status == 429 or self.status >= 500

    def is_about(self, field: str) -> bool:
        """Whether LINE found something wrong in that field of what was sent."""
        return self.status == 400 and texts.names(field, self.line_message, self.details)


def bot_info(token: str) -> dict[str, Any]:
    """Whose token it is: ``userId``, ``basicId``, ``displayName``, ``chatMode``. Raises Refused."""
    return _ask(token, "info", lambda api, s: api.get_bot_info(_request_timeout=s))


def webhook_endpoint(token: str) -> dict[str, Any]:
    """``{"endpoint", "active"}`` as LINE has it. Raises Refused (404: none is set)."""
    return _ask(token, "webhook_endpoint", lambda api, s: api.get_webhook_endpoint(_request_timeout=s))


def try_webhook(token: str) -> dict[str, Any]:
    """LINE calls the webhook with no events, now: ``success``, ``statusCode``, ``reason``. 60 an hour."""

    def ask(api: Any, seconds: float) -> Any:
        from linebot.v3.messaging import TestWebhookEndpointRequest

        return api.test_webhook_endpoint(TestWebhookEndpointRequest(), _request_timeout=seconds)

    return _ask(token, "webhook_test", ask)


def _ask(token: str, kind: str, call: Any) -> dict[str, Any]:
    described: dict[str, Any] = ask(token, kind, call)
    return described


def ask(
    token: str, kind: str, call: Callable[[Any, float], Any], detail: Mapping[str, Any] | None = None
) -> Any:
    """One call by the SDK, ``call(api, seconds)``; what it answers as JSON has it. Raises Refused."""
    crossing = {"token": token, **(detail or {})}
    return seam.cross(f"line:{kind}", crossing, lambda: _answer(token, call, settings().line_api_url, ""))


def ask_data(token: str, kind: str, call: Callable[[Any, float], Any], detail: Mapping[str, Any]) -> Any:
    """The same of LINE's host for files."""
    crossing = {"token": token, **detail}
    at = settings().line_data_url
    return seam.cross(f"line:{kind}", crossing, lambda: _answer(token, call, at, "Blob"))


def _answer(token: str, call: Callable[[Any, float], Any], at: str, which: str) -> Any:
    from linebot.v3 import messaging
    from linebot.v3.messaging.exceptions import ApiException

    configuration = messaging.Configuration(access_token=token, host=at)
    configuration.retries = False
    api = getattr(messaging, f"MessagingApi{which}")(messaging.ApiClient(configuration))
    try:
        found = call(api, settings().line_timeout_s)
    except ApiException as error:
        line_message, details = _refusal(error.body)
        raise Refused(error.status, f"LINE answered {error.status}", line_message, details) from error
    except Exception as error:
        raise Refused(None, f"LINE did not answer ({type(error).__name__})") from error
    # As JSON has it: the SDK makes objects of times.
    return json.loads(json.dumps(found.to_dict(), default=str)) if hasattr(found, "to_dict") else found


def _refusal(body: Any) -> tuple[str, list[dict[str, Any]]]:
    """LINE's own words of a refusal."""
    try:
        parsed = json.loads(body)
        return str(parsed.get("message", "")), [one for one in parsed.get("details") or () if one]
    except (TypeError, ValueError, AttributeError):
        return "", []
