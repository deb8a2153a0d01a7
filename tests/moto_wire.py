"""moto behind the wire of our hot calls (``gateways/wire.py``): what goes to AWS is answered in process.

So they take the way that they take in production, and none through botocore: its machinery and moto's
imitation of a web server around it cost more than the emulated tables themselves.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
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
_over_sockets = wire.Endpoint.post


def install() -> None:
    """From now on."""
    wire.Endpoint.post = _post  # type: ignore[method-assign]


def _post(self: wire.Endpoint, headers: dict[str, str], body: bytes) -> wire.Answer:
    if not (botocore_stubber.enabled and self.host.endswith(".amazonaws.com")):
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


def _refusal(status: int, told: dict[str, Any]) -> wire.Answer:
    return wire.Answer(status, {}, orjson.dumps(told))
