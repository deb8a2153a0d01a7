"""Friends in and out by the file: import, uploads, exports, and the jobs behind them."""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Callable
from typing import Any

from chalice.app import Blueprint
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts.access import refuse, require
from chalicelib.accounts.idempotency import once
from chalicelib.accounts.service import audit
from chalicelib.gateways import objects
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body, raw_body
from chalicelib.http.queries import query_bool, query_choice, query_text
from chalicelib.http.routes import Operation
from chalicelib.jobs import service as jobs
from chalicelib.shared.errors import Detail, InvalidInput, NotFound
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.reasons import Reason
from chalicelib.transfers import followers, imports, layouts, member_imports, uploads
from chalicelib.transfers.beginning import Wish
from chalicelib.transfers.layouts import presets

bp = Blueprint(__name__)

_ACCOUNT = "/v1/accounts/{account}"
_INLINE_BYTES = 4 << 20
TEXT_TYPES = ["text/csv", "application/json"]


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
    """What is wrong with a line of the file: in which column, by a code, and in words."""

    line: int
    column: str | None = None
    code: str | None = None
    message: str
    message_ja: str | None = None


class Column(BaseModel):
    """A column of the file, and what it is taken for; null: it is left out."""

    column: str
    as_: str | None = Field(alias="as")


class DryRun(BaseModel):
    """What a dry run found: the columns, what would be made, and the first 100 lines that are wrong."""

    dry_run: bool
    preset: str | None
    columns: list[Column]
    would_create: dict[str, list[dict[str, Any]]]
    total: int
    problem_count: int
    problems: list[LineError]


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


HOW_READ = {
    "map": "the columns' names here: theirs:ours,theirs:ours or a JSON object; nothing behind the colon "
    "leaves a column out",
    "dry_run": "true: nothing is written; 200 with what the columns are taken for and the first 100 problems "
    "(of more than 300 KB 202, and the job's result says it)",
}
"""Parameters of every import."""
OPERATIONS = [
    Operation(
        "POST",
        f"{_ACCOUNT}/friends/import",
        "Import friends from CSV (inline up to 4 MB, or an upload)",
        "editor",
        response=JobAccepted,
        status=202,
        others={200: DryRun},
        query={
            "fire": "true: rules fire for the changes",
            "unknown": "attribute: unknown columns become text attributes",
            "preset": "another system's file, by name; without it the header is recognised; none: it is not",
            **HOW_READ,
        },
        media_types=tuple(TEXT_TYPES),
    ),
    Operation(
        "POST",
        f"{_ACCOUNT}/members/import",
        "Import members from CSV (inline up to 4 MB, or an upload)",
        "editor",
        response=JobAccepted,
        status=202,
        others={200: DryRun},
        query={"fire": "true: rules fire for what changes at friends", **HOW_READ},
        media_types=tuple(TEXT_TYPES),
    ),
    Operation(
        "POST",
        f"{_ACCOUNT}/friends/sync",
        "Make friends of everybody whom LINE lists as a follower (verified and premium accounts)",
        "editor",
        response=JobAccepted,
        status=202,
    ),
    Operation("POST", f"{_ACCOUNT}/uploads", "A place to put a large file", "editor", response=Upload),
    Operation("GET", f"{_ACCOUNT}/jobs/{{job}}", "How far a job is", "viewer", response=Job),
]


@bp.route(f"{_ACCOUNT}/friends/import", methods=["POST"], content_types=TEXT_TYPES)
@http_errors
def import_friends(account: str) -> Any:
    """``POST /friends/import``: the columns are understood now, the lines by a job."""
    return start_import(bp.current_request, account, imports.start, presets_too=True)


@bp.route(f"{_ACCOUNT}/friends/sync", methods=["POST"])
@http_errors
def sync_friends(account: str) -> Any:
    """``POST /friends/sync``: a job that makes friends of everybody whom LINE lists as a follower."""
    request = bp.current_request
    principal = require(request, "editor", account)

    def run() -> Any:
        job = followers.start(account, principal.who)
        audit(account, principal.who, "sync", f"jobs/{job}")
        return json_response({"job_id": job}, 202)

    return once(request, principal, run)


@bp.route(f"{_ACCOUNT}/members/import", methods=["POST"], content_types=TEXT_TYPES)
@http_errors
def import_members(account: str) -> Any:
    """``POST /members/import``: likewise, of members."""
    return start_import(bp.current_request, account, member_imports.start)


def start_import(
    request: Any,
    account: str,
    start: Callable[[str, uploads.Source, Wish], str | dict[str, Any]],
    *,
    presets_too: bool = False,
) -> Any:
    """Answer a request that imports a file, in its body or an upload that the body names: 202 with the job,
    or 200 with what a small dry run found.
    """
    principal, fire = require(request, "editor", account), query_bool(request, "fire")
    refuse(principal, [Detail("fire", Reason("import_fires"))] if fire else [])
    asked = layouts.Asked(
        layouts.mapping(query_text(request, "map")),
        _unknown(request),
        query_choice(request, "preset", [*presets.PRESETS, presets.NONE]) if presets_too else None,
    )
    wish = Wish(principal.who, asked, fire, query_bool(request, "dry_run"))

    def run() -> Any:
        found = start(account, _source(request, account), wish)
        if isinstance(found, dict):
            return json_response(found)
        if not wish.dry_run:
            audit(account, principal.who, "import", f"jobs/{found}")
        return json_response({"job_id": found}, 202)

    return once(request, principal, run)


def _unknown(request: Any) -> bool:
    unknown = query_text(request, "unknown")
    if unknown not in {None, "attribute"}:
        raise InvalidInput.at("unknown", Reason("must_be_attribute"))
    return unknown is not None


def _source(request: Any, account: str) -> uploads.Source:
    if _media_type(request) == "application/json":
        return uploads.find(account, json_body(request, UploadReference).upload_id)
    return uploads.inline(_inline_file(request))


def _media_type(request: Any) -> str:
    return str(request.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _inline_file(request: Any) -> bytes:
    """The body; where the request says that it is UTF-8 or Shift_JIS, with UTF-8's mark."""
    body = raw_body(request, _INLINE_BYTES)
    match = re.search(r"charset=\"?([\w-]+)", str(request.headers.get("content-type", "")))
    charset = match[1].lower() if match else ""
    if charset in _SHIFT_JIS:
        with contextlib.suppress(UnicodeDecodeError):  # which the file's own reader refuses with the line
            body = body.decode("cp932").encode("utf-8-sig")
    elif charset in {"utf-8", "utf8"} and not body.startswith(codecs.BOM_UTF8):
        body = codecs.BOM_UTF8 + body
    return body


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
    if body.get("result", {}).get("dry_run"):
        body["result"]["problems"] = body["errors"]
        body |= {"errors": [], "error_count": 0}
    return json_response(body)


def _download(result: dict[str, Any]) -> dict[str, Any]:
    """The result with its URL; with the reason why there is none when the file is kept no longer."""
    if objects.exists(result["key"]):
        return result | {"url": objects.download_url(result["key"])}
    return result | {"url": None, **Reason("export_deleted").shown()}
