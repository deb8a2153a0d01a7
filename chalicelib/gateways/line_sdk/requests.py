"""One call by the SDK: its requests, its transport, and LINE's answer as plain JSON.

The SDK's models of answers refuse a type or a status that LINE has added since; ours are read as they came.
It is imported when it is first used: that takes most of a second, which nobody who waits should pay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import urllib3

from chalicelib.gateways import seam
from chalicelib.gateways.line import NoAnswer
from chalicelib.shared import metrics, time_left
from chalicelib.shared.observability import logger
from chalicelib.shared.settings import settings

LATER = frozenset({408, 429})
"""LINE refuses now; calling again later may work."""


class Refused(Exception):
    """LINE refused. ``codes``: what its details say, e.g. ``AUDIENCE_GROUP_NOT_FOUND``."""

    def __init__(self, status: int, message: str, codes: tuple[str, ...] = ()) -> None:
        super().__init__(f"LINE answered {status}: {message}")
        self.status = status
        self.message = message
        self.codes = codes

    @property
    def is_later(self) -> bool:
        """Whether the same may work later (a rate)."""
        return self.status in LATER


def ask(
    package: str, api: str, kind: str, detail: Mapping[str, Any], call: Callable[[Any, Any, float], Any]
) -> Any:
    """What LINE answers ``call(api, models, seconds)``, an API of a package of the SDK (``audience``,
    ``insight``), as plain JSON; None for an empty answer. ``detail`` has the ``token``.

    Raises Refused for 4xx, and line.NoAnswer when LINE cannot be reached or fails.
    """
    return seam.cross(f"line:{kind}", detail, lambda: _ask(package, api, kind, str(detail["token"]), call))


def _ask(package: str, api: str, kind: str, token: str, call: Callable[[Any, Any, float], Any]) -> Any:
    sdk = import_module(f"linebot.v3.{package}")
    exceptions = import_module(f"linebot.v3.{package}.exceptions")
    seconds = time_left.current().for_call(settings().line_timeout_s)
    try:
        return call(getattr(sdk, api)(_client(sdk, token)), sdk, seconds)
    except exceptions.ApiException as error:
        raise _refusal(kind, error) from error
    except (OSError, urllib3.exceptions.HTTPError) as error:
        _note(kind, "NoAnswer", type(error).__name__)
        raise NoAnswer(type(error).__name__) from error


def _client(sdk: Any, token: str) -> Any:
    class Plain(sdk.ApiClient):  # type: ignore[misc]
        """Reads an answer as JSON, whatever the SDK expects of it."""

        def deserialize(self, response: Any, _type: Any) -> Any:
            return json.loads(response.data) if response.data else None

    configuration = sdk.Configuration(access_token=token, host=settings().line_api_url)
    configuration.retries = False
    return Plain(configuration)


def _refusal(kind: str, error: Any) -> Exception:
    status = int(error.status or 0)
    if status < 400 or status >= 500:
        _note(kind, "5xx", str(status))
        return NoAnswer(f"LINE answered {status}")
    _note(kind, "429" if status == 429 else "4xx", str(status))
    try:
        body = json.loads(error.body or "{}")
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    details = body.get("details") if isinstance(body.get("details"), list) else []
    codes = tuple(str(one.get("message", "")) for one in details or () if isinstance(one, dict))
    return Refused(status, str(body.get("message") or ""), codes)


def _note(kind: str, metric: str, what: str) -> None:
    metrics.count(f"Line{metric}", kind=kind)
    logger.warning("LINE answered with an error", extra={"kind": kind, "status": what})
