"""Lambda functions that are asked and answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.gateways import aws
from chalicelib.shared.settings import settings


class Failed(Exception):
    """The function did not answer: it raised, or ran out of time or memory."""


def ask(name: str, question: Mapping[str, Any]) -> Any:
    """What a function answers to a question, JSON both ways. Raises Failed, and botocore's errors."""
    answer = aws.client("lambda").invoke(
        FunctionName=settings().function(name), Payload=json.dumps(question).encode()
    )
    result = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        raise Failed(f"{name}: {str(result)[:500]}")
    return result
