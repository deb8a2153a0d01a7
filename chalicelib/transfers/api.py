"""Friends in and out by the file: import, uploads, exports, and the jobs behind them."""

from __future__ import annotations

import codecs
import contextlib
import io
import re
from collections.abc import Callable
from typing import IO, Any

from chalice.app import Blueprint
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts.access import refuse, require
from chalicelib.accounts.idempotency import once
from chalicelib.accounts.model import Principal
from chalicelib.accounts.service import audit
from chalicelib.gateways import objects
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body, raw_body
from chalicelib.http.queries import query_bool, query_text
from chalicelib.http.routes import Operation
from chalicelib.jobs import service as jobs
from chalicelib.shared.errors import Detail, InvalidInput, NotFound
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.reasons import Reason
from chalicelib.transfers import imports, member_imports, uploads

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
    message_ja: str | None = None


class Job(BaseModel):
    """How far a job is; ``total`` counts data lines."""

    job_id: str
    kind: str
    state: str
    done: int
    total: int
    errors: list[LineError]
    error_count: int
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
    Operation(
        "POST",
        f"{_ACCOUNT}/members/import",
        "Import members from CSV (inline up to 4 MB, or an upload)",
        "editor",
        response=JobAccepted,
        status=202,
        query={"fire": "true: rules fire for what changes at friends"},
        media_types=tuple(_TEXT_TYPES),
    ),
    Operation("POST", f"{_ACCOUNT}/uploads", "A place to put a large file", "editor", response=Upload),
    Operation("GET", f"{_ACCOUNT}/jobs/{{job}}", "How far a job is", "viewer", response=Job),
]


@bp.route(f"{_ACCOUNT}/friends/import", methods=["POST"], content_types=_TEXT_TYPES)
@http_errors
def import_friends(account: str) -> Any:
    """``POST /friends/import``: the header is checked now, the lines by a job."""
    request = bp.current_request
    principal = require(request, "editor", account)
    fire, unknown = query_bool(request, "fire"), query_text(request, "unknown")
    if unknown not in {None, "attribute"}:
        raise InvalidInput.at("unknown", Reason("must_be_attribute"))
    refuse(principal, [Detail("fire", Reason("import_fires"))] if fire else [])

    def begin(file: IO[bytes], upload: str | None) -> str:
        unknown_too = unknown is not None
        how: dict[str, Any] = {"fire": fire, "unknown_as_attribute": unknown_too, "upload": upload}
        return imports.start(account, file, by=principal.who, **how)

    return _started(request, principal, account, begin)


@bp.route(f"{_ACCOUNT}/members/import", methods=["POST"], content_types=_TEXT_TYPES)
@http_errors
def import_members(account: str) -> Any:
    """``POST /members/import``: likewise, of members."""
    request = bp.current_request
    principal, fire = require(request, "editor", account), query_bool(request, "fire")
    refuse(principal, [Detail("fire", Reason("import_fires"))] if fire else [])

    def begin(file: IO[bytes], upload: str | None) -> str:
        return member_imports.start(account, file, by=principal.who, fire=fire, upload=upload)

    return _started(request, principal, account, begin)


def _started(
    request: Any, principal: Principal, account: str, begin: Callable[[IO[bytes], str | None], str]
) -> Any:
    """The job of a file in the body, or of an upload that the body names."""

    def run() -> Any:
        upload = None
        if _media_type(request) == "application/json":
            upload = json_body(request, UploadReference).upload_id
            file = uploads.open_upload(account, upload)
        else:
            file = _inline_file(request)
        with file:
            job = begin(file, upload)
        audit(account, principal.who, "import", f"jobs/{job}")
        return json_response({"job_id": job}, 202)

    return once(request, principal, run)


def _media_type(request: Any) -> str:
    return str(request.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _inline_file(request: Any) -> IO[bytes]:
    """The body as a file; where the request says that it is UTF-8 or Shift_JIS, with UTF-8's mark."""
    body = raw_body(request, _INLINE_BYTES)
    said = re.search(r"charset=\"?([\w-]+)", str(request.headers.get("content-type", "")))
    charset = said[1].lower() if said else ""
    if charset in _SHIFT_JIS:
        with contextlib.suppress(UnicodeDecodeError):  # which the file's own reader refuses with the line
            body = body.decode("cp932").encode("utf-8-sig")
    elif charset in {"utf-8", "utf8"} and not body.startswith(codecs.BOM_UTF8):
        body = codecs.BOM_UTF8 + body
    return io.BytesIO(body)


_SHIFT_JIS = frozenset({"shift_jis", "shift-jis", "sjis", "x-sjis", "cp932", "ms932", "windows-31j"})
"""What ``charset`` calls the encoding of Japanese Excel."""


@bp.route(f"{_ACCOUNT}/uploads", methods=["POST"])
@http_errors
def create_upload(account: str) -> Any:
    """``POST /uploads``: a URL that takes one PUT within the hour; the id is for ``/friends/import``."""
    require(bp.current_request, "editor", account)
    upload = new_ulid()
    url = objects.upload_url(uploads.upload_key(account, upload))
    return json_response({"upload_id": upload, "url": url})


@bp.route(f"{_ACCOUNT}/jobs/{{job}}", methods=["GET"])
@http_errors
def get_job(account: str, job: str) -> Any:
    """``GET /jobs/{id}``."""
    require(bp.current_request, "viewer", account)
    if not job.isalnum():
        raise NotFound(Reason("no_job", job=job))
    body = jobs.get(account, job).body()
    if "key" in body.get("result", {}):
        body["result"] = _download(body["result"])
    return json_response(body)


def _download(result: dict[str, Any]) -> dict[str, Any]:
    """The result with its URL; with the reason why there is none when the file is kept no longer."""
    if objects.exists(result["key"]):
        return result | {"url": objects.download_url(result["key"])}
    return result | {"url": None, **Reason("export_deleted").shown()}
