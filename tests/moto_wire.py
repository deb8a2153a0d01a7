"""moto behind the wire of our hot calls (``gateways/wire.py``): what goes to AWS is answered in process.

So they take the way that they take in production, and none through botocore: its machinery and moto's
imitation of a web server around it cost more than the emulated tables themselves.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.core.exceptions import HTTPException, ServiceException
from moto.core.models import botocore_stubber
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores
from moto.dynamodb.responses import DynamoHandler
from moto.sqs.responses import SQSResponse

from chalicelib.gateways import wire
from chalicelib.shared.settings import settings

_HANDLERS: dict[str, Callable[[], BaseResponse]] = {"DynamoDB": DynamoHandler, "AmazonSQS": SQSResponse}
_over_sockets, _begin_over_sockets = wire.Endpoint.post, wire.Endpoint.begin


def install() -> None:
    """From now on."""
    wire.Endpoint.post = _post  # type: ignore[method-assign]
    wire.Endpoint.begin = _begin  # type: ignore[method-assign, assignment]


@dataclass(frozen=True)
class _Begun:
    """A call that is made when its answer is read: no sooner than the test lets it."""

    end: Callable[[], wire.Answer]

    def drop(self) -> None:
        """Nothing waits."""


def _is_emulated(endpoint: wire.Endpoint) -> bool:
    return bool(botocore_stubber.enabled) and endpoint.host.endswith(".amazonaws.com")


def _begin(self: wire.Endpoint, headers: dict[str, str], body: bytes) -> wire.Begun | _Begun:
    if not _is_emulated(self):
        return _begin_over_sockets(self, headers, body)
    return _Begun(lambda: _post(self, headers, body))


def _post(self: wire.Endpoint, headers: dict[str, str], body: bytes) -> wire.Answer:
    if not _is_emulated(self):
        return _over_sockets(self, headers, body)
    target, _, operation = headers["X-Amz-Target"].partition(".")
    handler: Any = _HANDLERS[target.partition("_")[0]]()
    handler.current_account, handler.region = ACCOUNT, settings().region
    handler.uri_match = {}
    handler.params = handler.body = orjson.loads(body)
    try:
        result: ActionResult = getattr(handler, camelcase_to_underscores(operation))()
    except ServiceException as error:
        return _refusal(400, {"__type": error.code, "message": error.message})
    except HTTPException as error:
        return _refusal(error.code or 500, orjson.loads(error.get_body()))
    return wire.Answer(200, {}, orjson.dumps(result.result, default=_text))


def _text(raw: bytes) -> str:
    return b64encode(raw).decode()


def _refusal(status: int, body: dict[str, Any]) -> wire.Answer:
    return wire.Answer(status, {}, orjson.dumps(body))
