"""Friends in and out by the file: import, uploads, exports, and the jobs behind them."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.accounts.service import audit, get_account
from chalicelib.friends import exports, imports, jobs
from chalicelib.gateways import objects
from chalicelib.shared.bodies import json_body, text_body
from chalicelib.shared.errors import Detail, InvalidInput, NotFound
from chalicelib.shared.http import (
    Operation,
    http_errors,
    json_response,
    path_text,
    query_bool,
    query_text,
)
from chalicelib.shared.ids import new_ulid

bp = Blueprint(__name__)

_ACCOUNT = "/v1/accounts/{account}"
_INLINE_BYTES = 4 << 20
_TEXT_TYPES = ["text/csv", "application/json"]


class UploadReference(BaseModel):
    """A file that was uploaded before."""

    model_config = ConfigDict(extra="forbid")

    upload_id: str = Field(pattern="^[0-9A-Z]{26}$")


class JobAccepted(BaseModel):
    """The job that does the work: ``GET /jobs/{id}``."""

    job_id: str


class Upload(BaseModel):
    """Where to PUT a large file, and how to name it afterwards."""

    upload_id: str
    url: str


class LineError(BaseModel):
    """What is wrong with a line of the file."""

    line: int
    message: str


class Job(BaseModel):
    """How far a job is; ``total`` counts data lines."""

    job_id: str
    kind: str
    state: str
    done: int
    total: int
    errors: list[LineError]
    created_at: str
    result: dict[str, Any] | None = None


OPERATIONS = [
    Operation(
        "POST",
        f"{_ACCOUNT}/friends/import",
        "Import friends from CSV (inline up to 4 MB, or an upload)",
        "editor",
        response=JobAccepted,
        status=202,
        query={
            "fire": "true: rules fire for the changes",
            "unknown": "attribute: unknown columns become text attributes",
        },
        media_types=tuple(_TEXT_TYPES),
    ),
    Operation("POST", f"{_ACCOUNT}/uploads", "A place to put a large file", "editor", response=Upload),
    Operation("GET", f"{_ACCOUNT}/jobs/{{job}}", "How far a job is", "viewer", response=Job),
    Operation(
        "POST",
        f"{_ACCOUNT}/exports",
        "Export all friends as CSV; the job's result has the URL",
        "editor",
        response=JobAccepted,
        status=202,
    ),
]


@bp.route(f"{_ACCOUNT}/friends/import", methods=["POST"], content_types=_TEXT_TYPES)
@http_errors
def import_friends(account: str) -> Any:
    """``POST /friends/import``: the header is checked now, the lines by a job."""
    request = bp.current_request
    principal = require(request, "editor", account)
    fire, unknown = query_bool(request, "fire"), query_text(request, "unknown")
    if unknown not in {None, "attribute"}:
        raise InvalidInput("unknown: must be attribute", [Detail("unknown", "must be attribute")])

    def run() -> Any:
        if str(request.headers.get("content-type", "")).startswith("application/json"):
            upload = json_body(request, UploadReference).upload_id
            text = imports.read_upload(account, upload)
        else:
            text = text_body(request, _INLINE_BYTES)
        job = imports.start(
            account, text, by=principal.who, fire=fire, unknown_as_attribute=unknown is not None
        )
        audit(account, principal.who, "import", f"jobs/{job}")
        return json_response({"job_id": job}, 202)

    return once(request, principal, run)


@bp.route(f"{_ACCOUNT}/uploads", methods=["POST"])
@http_errors
def create_upload(account: str) -> Any:
    """``POST /uploads``: a URL that takes one PUT within the hour; the id is for ``/friends/import``."""
    require(bp.current_request, "editor", account)
    upload = new_ulid()
    url = objects.upload_url(imports.upload_key(account, upload))
    return json_response({"upload_id": upload, "url": url})


@bp.route(f"{_ACCOUNT}/jobs/{{job}}", methods=["GET"])
@http_errors
def get_job(account: str, job: str) -> Any:
    """``GET /jobs/{id}``."""
    require(bp.current_request, "viewer", account)
    name = path_text(job)
    if not name.isalnum():
        raise NotFound(f"there is no job {name}")
    body = jobs.get(account, name).body()
    if "key" in body.get("result", {}):
        body["result"] = body["result"] | {"url": objects.download_url(body["result"]["key"])}
    return json_response(body)


@bp.route(f"{_ACCOUNT}/exports", methods=["POST"])
@http_errors
def create_export(account: str) -> Any:
    """``POST /exports``: every friend as CSV, with the columns that an import takes."""
    request = bp.current_request
    principal = require(request, "editor", account)

    def run() -> Any:
        job = exports.start(get_account(account), by=principal.who)
        audit(account, principal.who, "export", f"jobs/{job}")
        return json_response({"job_id": job}, 202)

    return once(request, principal, run)
