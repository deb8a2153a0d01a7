"""Returns and errors of every route.

A view comes under ``@bp.route(...)`` and ``@http_errors``; it raises the errors of
``chalicelib.shared.errors`` and never builds an error answer itself.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec

from chalice.app import Response
from pydantic import BaseModel

from chalicelib.shared.errors import TodokuError, Unavailable
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason

P = ParamSpec("P")


class Finding(BaseModel):
    """A place in what was given (a path, empty for the whole) and what is wrong with it."""

    path: str
    message: str
    reason: dict[str, Any]


def http_errors(view: Callable[P, Any]) -> Callable[P, Response]:
    """Translate what a view raises into the error shape of the contract. Goes under ``@bp.route``."""

    @functools.wraps(view)
    def translated(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            answer = view(*args, **kwargs)
        except TodokuError as error:
            return error_response(error)
        except Exception as error:  # noqa: BLE001 (the endpoint: whatever happened, the answer has its shape)
            if is_outage(error):
                logger.exception("something we depend on did not answer")
                return error_response(Unavailable(Reason("outage")))
            logger.exception("unexpected error in a view")
            return error_response(TodokuError(Reason("our_side_logged")))
        return answer if isinstance(answer, Response) else Response(body=answer)

    return translated


def error_response(error: TodokuError) -> Response:
    """The answer for an error: its status and ``{"error": {...}}``."""
    return json_response(error.body(), error.status)


def json_response(body: Any, status: int = 200, headers: Mapping[str, Any] | None = None) -> Response:
    """A JSON answer in UTF-8."""
    all_headers: dict[str, Any] = {"Content-Type": "application/json", **(headers or {})}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(body=text, status_code=status, headers=all_headers)


def is_outage(error: BaseException) -> bool:
    """Whether AWS answered "not now" (throttled, unreachable, timed out), directly or as a cause."""
    from botocore.exceptions import ClientError, HTTPClientError
    from botocore.exceptions import ConnectionError as NoConnection

    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, HTTPClientError | NoConnection):
            return True
        if isinstance(seen, ClientError) and seen.response["Error"]["Code"] in _OUTAGES:
            return True
        seen = seen.__cause__ or getattr(seen, "cause", None)
    return False


_OUTAGES = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "InternalServerError",
        "InternalFailure",
        "ServiceUnavailable",
        "SlowDown",
    }
)
