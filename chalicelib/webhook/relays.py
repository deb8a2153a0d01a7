"""Leaving a request of LINE's to the queue ``bulk``, whose job forwards it (``outgoing/relays.py``).

Only after its events are in the inbox, and never in the way of the answer: what cannot be left in time is
counted and let go.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chalicelib.gateways import queues
from chalicelib.shared.metrics import count
from chalicelib.shared.observability import logger

PASSED_ON = "x-todoku-relayed"
"""The header of what was forwarded once: it is not forwarded again, so no circle of stages goes round."""
_KEPT = ("content-type", "user-agent")
_WAIT_S = 0.5
"""So long the answer to LINE waits at most."""
_LONG = 100_000
_leavers = ThreadPoolExecutor(4, thread_name_prefix="relay")


def leave(account: str, body: bytes, signature: str, headers: Mapping[str, str]) -> None:
    """Leave a request to be forwarded. Raises nothing."""
    if PASSED_ON in headers:
        return
    kept = {name: headers[name] for name in _KEPT if name in headers} | {"x-line-signature": signature}
    message = {"job": "relay", "account": account, "lane": "relay", **packed(body), "headers": kept}
    try:
        _leavers.submit(queues.send, "bulk", message).result(_WAIT_S)
    except Exception as error:  # noqa: BLE001 (LINE must hear 200: the events are stored)
        count("RelayLost")
        logger.error("a webhook was not left to be forwarded", extra={"why": type(error).__name__})


def packed(body: bytes) -> dict[str, Any]:
    """The bytes as a message carries them: text where they are text, else (and when they are many) packed."""
    if len(body) <= _LONG:
        try:
            return {"text": body.decode()}
        except UnicodeDecodeError:
            pass
    return {"packed": base64.b85encode(zlib.compress(body)).decode()}
