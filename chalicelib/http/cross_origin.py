"""Pages of other origins that may speak to a path of ours, and the headers for their browsers."""

from __future__ import annotations

from collections.abc import Collection

from chalice.app import Request

from chalicelib.shared.errors import NotAllowed
from chalicelib.shared.reasons import Reason


def headers(request: Request, origins: Collection[str], *, needed: bool = False) -> dict[str, str]:
    """The headers for a page of one of these origins. Raises NotAllowed for one of anybody else's.

    ``needed``: whoever names no origin is refused too. Browsers name it.
    """
    origin = request.headers.get("origin")
    if origin is None and not needed:
        return {"Cache-Control": "no-store"}
    if origin not in origins:
        raise NotAllowed(Reason("other_origin", origin=(origin or "-")[:200]))
    return {
        "Access-Control-Allow-Origin": str(origin),
        "Access-Control-Allow-Methods": "POST, OPTIONS",
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Max-Age": "600",
        "Cache-Control": "no-store",
        "Vary": "Origin",
    }
