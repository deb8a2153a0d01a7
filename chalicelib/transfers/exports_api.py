"""``POST /exports``: the friends who satisfy a condition, with the columns that are asked for, as CSV."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from chalice.app import Blueprint
from pydantic import BaseModel, ConfigDict, Field, model_validator

from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.accounts.service import audit, get_account
from chalicelib.catalog.service import snapshot
from chalicelib.conditions import language
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.budget import MAX_COLUMNS
from chalicelib.http.routes import Operation
from chalicelib.shared.fields import UserId
from chalicelib.shared.reasons import Reason
from chalicelib.transfers import exports
from chalicelib.transfers.api import JobAccepted

bp = Blueprint(__name__)

_EXPORTS = "/v1/accounts/{account}/exports"
_MEMBERS = "/v1/accounts/{account}/segments/members"


class ExportRequest(BaseModel):
    """Who and what to export: without a condition and friends' ids everybody, without columns all that an
    import takes.
    """

    model_config = ConfigDict(extra="forbid")

    condition: dict[str, Any] | None = None
    user_ids: Annotated[list[UserId], Field(min_length=1, max_length=1000)] | None = None
    columns: Annotated[list[str], Field(min_length=1, max_length=MAX_COLUMNS)] | None = None
    format: Literal["csv"] = "csv"
    bom: bool = False

    @model_validator(mode="after")
    def _one_of_them(self) -> ExportRequest:
        if self.user_ids is not None and self.condition is not None:
            raise ValueError(Reason("one_of_users_condition"))
        return self


class MembersRequest(BaseModel):
    """Whose and which columns: without any, the user id and the name."""

    model_config = ConfigDict(extra="forbid")

    condition: dict[str, Any]
    columns: Annotated[list[str], Field(min_length=1, max_length=MAX_COLUMNS)] = ["user_id", "display_name"]
    format: Literal["csv"] = "csv"
    bom: bool = False


OPERATIONS = [
    Operation(
        "POST",
        _MEMBERS,
        "List the friends of a condition as CSV; the job's result has the URL",
        "editor",
        MembersRequest,
        JobAccepted,
        status=202,
    ),
    Operation(
        "POST",
        _EXPORTS,
        "Export friends as CSV; the job's result has the URL",
        "editor",
        ExportRequest,
        JobAccepted,
        status=202,
    ),
]


@bp.route(_EXPORTS, methods=["POST"])
@http_errors
def create_export(account: str) -> Any:
    """``POST /exports``: 202 with the job."""
    return _export(account, ExportRequest)


@bp.route(_MEMBERS, methods=["POST"])
@http_errors
def list_members(account: str) -> Any:
    """``POST /segments/members``: the same of a condition's audience."""
    return _export(account, MembersRequest)


def _export(account: str, model: type[ExportRequest | MembersRequest]) -> Any:
    request = bp.current_request
    principal = require(request, "editor", account)

    def run() -> Any:
        asked, catalog = json_body(request, model), snapshot(account)
        if asked.condition is not None:
            language.check(asked.condition, catalog)
        users = asked.user_ids if isinstance(asked, ExportRequest) else None
        chosen = exports.Chosen(exports.columns(asked.columns, catalog), asked.condition, asked.bom, users)
        job = exports.start(get_account(account), chosen, by=principal.who)
        audit(account, principal.who, "export", f"jobs/{job}")
        return json_response({"job_id": job}, 202)

    return once(request, principal, run)
