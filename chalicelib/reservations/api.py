"""``POST /reservations/import``: a booking system's file."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint

from chalicelib.http.answers import http_errors
from chalicelib.http.routes import Operation
from chalicelib.reservations import imports
from chalicelib.transfers.api import HOW_READ, TEXT_TYPES, DryRun, JobAccepted, start_import

bp = Blueprint(__name__)

_PATH = "/v1/accounts/{account}/reservations/import"

OPERATIONS = [
    Operation(
        "POST",
        _PATH,
        "Import reservations from CSV (inline up to 4 MB, or an upload)",
        "editor",
        response=JobAccepted,
        status=202,
        others={200: DryRun},
        query={"fire": "true: rules fire for what is new", **HOW_READ},
        media_types=tuple(TEXT_TYPES),
    ),
]


@bp.route(_PATH, methods=["POST"], content_types=TEXT_TYPES)
@http_errors
def import_reservations(account: str) -> Any:
    """``POST /reservations/import``: the columns are understood now, the lines by a job."""
    return start_import(bp.current_request, account, imports.start)
