"""The hot calls of DynamoDB and SQS without botocore's machinery: signed JSON over kept connections.

For one small item botocore spends some four fifths of a call's CPU on endpoint rules, on walking parameters
and answers by the service's model, and on its events. What our stores hand over already has the form of the
wire, so for the operations below it goes out as it is, signed and sent by some lines of our own (``signing``,
``wire``), and comes back as it came. Errors are botocore's, by the client's own exceptions; retries are those
of its standard mode. Every other operation, and whatever plain JSON cannot say (bytes), takes botocore's way.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping
from typing import Any

import orjson
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from chalicelib.gateways import clock, signing, wire

TARGETS = {"dynamodb": "DynamoDB_20120810", "sqs": "AmazonSQS"}
OPERATIONS = frozenset(
    {
        *("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"),
        *("SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessageBatch"),
    }
)
ATTEMPTS = 4
_BASE_S, _LONGEST_S = 0.05, 5.0
_THROTTLES = frozenset(
    {
        *(
            "ProvisionedThroughputExceededException",
            "ThrottlingException",
            "Throttling",
            "ThrottledException",
        ),
        *(
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "TooManyRequestsException",
        ),
        *("TransactionInProgressException", "PriorRequestNotComplete", "ThrottlingError"),
    }
)
"""Error codes that say "later" under a status of 4xx, as botocore knows them."""

NOT_LEAN = object()
"""What ``call`` returns when the parameters need botocore."""


class Caller:
    """A client's hot calls: its endpoint, region and exceptions, with the session's credentials."""

    def __init__(self, client: Any, session: Any) -> None:
        self._client, self._session = client, session
        self._service: str = client.meta.service_model.service_name
        self._url: str = client.meta.endpoint_url.rstrip("/") + "/"
        self._endpoint = wire.Endpoint(self._url)

    def call(self, operation: str, params: Mapping[str, Any]) -> Any:
        """The answer as the wire has it; ``NOT_LEAN``: plain JSON cannot say these parameters.

        Raises ClientError or a botocore connection error, as the client itself would.
        """
        try:
            body = orjson.dumps(params)
        except TypeError:
            return NOT_LEAN
        for attempt in range(1, ATTEMPTS + 1):
            answer, error, may_work_later = self._try(operation, body)
            if error is None:
                return answer
            if not may_work_later or attempt == ATTEMPTS:
                raise error
            clock.sleep(random.uniform(0, min(_BASE_S * 2**attempt, _LONGEST_S)))  # noqa: S311
        raise AssertionError("the last attempt returns or raises")

    def begin(self, operation: str, params: Mapping[str, Any]) -> wire.Begun | None:
        """Send a call that may be sent twice, for ``end``; None: it was not sent."""
        try:
            body = orjson.dumps(params)
            return self._endpoint.begin(self._signed(operation, body), body)
        except (TypeError, OSError):
            return None

    def end(self, begun: wire.Begun | None, operation: str, params: Mapping[str, Any]) -> Any:
        """The answer to a call that was begun; if that is none, the call once more. Raises as ``call``."""
        if begun is not None:
            try:
                answer, error, _ = self._judged(operation, begun.end())
            except OSError:
                return self.call(operation, params)
            if error is None:
                return answer
        return self.call(operation, params)

    def _try(self, operation: str, body: bytes) -> tuple[Any, Exception | None, bool]:
        """One attempt: the answer, or the error and whether another attempt may work."""
        try:
            response = self._endpoint.post(self._signed(operation, body), body)
        except wire.Unreachable as error:
            return None, EndpointConnectionError(endpoint_url=self._url, error=error), True
        except TimeoutError as error:
            return None, ReadTimeoutError(endpoint_url=self._url, error=error), True
        except OSError as error:
            return None, ConnectionClosedError(endpoint_url=self._url, error=error), True
        return self._judged(operation, response)

    def _judged(self, operation: str, response: wire.Answer) -> tuple[Any, Exception | None, bool]:
        checksum = response.headers.get("x-amz-crc32")
        if checksum is not None and int(checksum) != zlib.crc32(response.body):
            damaged = ConnectionClosedError(endpoint_url=self._url, error="the answer's checksum is wrong")
            return None, damaged, True
        if response.status == 200:
            return (orjson.loads(response.body) if response.body else {}), None, False
        return self._refusal(operation, response)

    def _signed(self, operation: str, body: bytes) -> dict[str, str]:
        own = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"{TARGETS[self._service]}.{operation}",
        }
        credentials = self._session.get_credentials().get_frozen_credentials()
        region: str = self._client.meta.region_name
        return signing.headers(credentials, self._service, region, self._endpoint.host, own, body)

    def _refusal(self, operation: str, response: wire.Answer) -> tuple[None, Exception, bool]:
        try:
            error_body = orjson.loads(response.body)
        except ValueError:
            error_body = {}
        error_body = error_body if isinstance(error_body, dict) else {}
        kind = str(error_body.get("__type") or response.headers.get("x-amzn-errortype") or response.status)
        code = kind.rsplit("#", 1)[-1].split(":", 1)[0]
        # SQS answers its old codes beside the new names, and botocore's exceptions go by the old ones.
        code = response.headers.get("x-amzn-query-error", code).split(";", 1)[0]
        parsed = error_body | {
            "Error": {
                "Code": code,
                "Message": str(error_body.get("message") or error_body.get("Message") or ""),
            },
            "ResponseMetadata": {
                "HTTPStatusCode": response.status,
                "HTTPHeaders": response.headers,
                "RequestId": response.headers.get("x-amzn-requestid", ""),
            },
        }
        error = self._client.exceptions.from_code(code)(parsed, operation)
        return None, error, response.status >= 500 or response.status == 429 or code in _THROTTLES
