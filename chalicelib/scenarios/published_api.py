"""``GET /scenarios/{scenario}/published``: what friends follow, whatever is drafted beside it."""

from __future__ import annotations

from chalice.app import Blueprint, Response

from chalicelib.accounts.access import require
from chalicelib.catalog.service import snapshot
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.queries import path_id
from chalicelib.http.routes import Operation
from chalicelib.scenarios.documents import Published
from chalicelib.shared.errors import NotFound
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)

_PATH = "/v1/accounts/{account}/scenarios/{scenario}/published"

OPERATIONS = [Operation("GET", _PATH, "The definition that friends follow", "viewer", None, Published)]


@bp.route(_PATH, methods=["GET"])
@http_errors
def published(account: str, scenario: str) -> Response:
    """``GET …/published``: 404 while it was never published."""
    require(bp.current_request, "viewer", account)
    catalog, id_ = snapshot(account), path_id(scenario, "scenario")
    catalog.get("scenarios", id_)
    found = catalog.find("published", id_)
    if found is None:
        raise NotFound(Reason("scenario_unpublished", scenario=id_))
    return json_response(found.body)
