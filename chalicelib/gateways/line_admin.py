"""LINE's management calls, by the official SDK: for operators, who can wait for its import.

Rules: https://developers.line.biz/en/reference/messaging-api/#webhook-settings
"""

from __future__ import annotations

import json
from typing import Any

from chalicelib.gateways import seam
from chalicelib.shared.settings import settings


class Refused(Exception):
    """LINE said no (``status``), or nothing at all (``status`` None)."""

    def __init__(self, status: int | None, message: str) -> None:
        super().__init__(message)
        self.status = status


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
    return seam.cross(f"line:{kind}", {"token": token}, lambda: _answer(token, call))


def _answer(token: str, call: Any) -> dict[str, Any]:
    from linebot.v3 import messaging
    from linebot.v3.messaging.exceptions import ApiException

    at = settings().line_api_url
    configuration = messaging.Configuration(access_token=token, host=at)
    configuration.retries = False
    try:
        found = call(messaging.MessagingApi(messaging.ApiClient(configuration)), settings().line_timeout_s)
    except ApiException as error:
        raise Refused(error.status, f"LINE answered {error.status}") from error
    except Exception as error:
        raise Refused(None, f"LINE did not answer ({type(error).__name__})") from error
    # As JSON has it: the SDK makes objects of times.
    described: dict[str, Any] = json.loads(json.dumps(found.to_dict(), default=str))
    return described
