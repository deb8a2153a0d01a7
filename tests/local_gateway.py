"""The local API Gateway in front of an app in this process, one request at a time."""

from __future__ import annotations

import json
from typing import Any

from chalice.app import Chalice
from chalice.local import LambdaContext

from chalicelib.local.pollers import Invoke


def in_process(app: Chalice) -> Invoke:
    """Calls the app as an environment would: with an event that went through JSON, and back."""

    def invoke(function: Any, event: dict[str, Any]) -> Any:
        context = LambdaContext(function.name, function.memory_mb, int(function.timeout_s * 1000))
        return json.loads(json.dumps(app(json.loads(json.dumps(event)), context)))

    return invoke
