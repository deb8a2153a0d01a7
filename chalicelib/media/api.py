"""``/v1/accounts/{account}/media``: files for messages."""

from __future__ import annotations

from typing import Literal

from chalice.app import Blueprint, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.accounts.service import audit, get_account
from chalicelib.http import multipart
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body, raw_body
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import query_choice, query_int, query_text
from chalicelib.http.routes import Operation
from chalicelib.media import library, service
from chalicelib.media.kinds import MOST_BYTES
from chalicelib.shared.errors import InvalidInput, TooLarge
from chalicelib.shared.reasons import Reason
from chalicelib.transfers.uploads import open_upload

bp = Blueprint(__name__)

_ALL = "/v1/accounts/{account}/media"
FILES = ("image/jpeg", "image/png", "video/mp4", "audio/mpeg", "audio/mp4", "audio/x-m4a")
"""What a request may say its body is; what it is, its bytes show."""
_FORM, _JSON = multipart.MULTIPART, "application/json"
_FORM_BYTES = 64 << 10
"""What a form may be larger than its file."""


class Upload(BaseModel):
    """A file that was uploaded before, for what is too large for one request."""

    model_config = ConfigDict(extra="forbid")

    upload_id: str = Field(pattern="^[0-9A-Z]{26}$")


class Media(BaseModel):
    """A file that messages can show; null: its kind has none. An image map's ``url`` is its ``baseUrl``."""

    id: str
    type: Literal["image", "video", "audio"]
    url: str
    preview_url: str | None
    width: int | None
    height: int | None
    duration_ms: int | None
    bytes: int


class MediaUse(BaseModel):
    """What shows a file: a document, or a broadcast."""

    kind: str
    id: str
    name: str


class Kept(BaseModel):
    """A file of the library; ``bytes`` as it was sent, of an image map its widest picture."""

    id: str
    type: Literal["image", "video", "audio"]
    url: str
    preview_url: str | None
    bytes: int
    at: str
    is_imagemap: bool
    uses: list[MediaUse]


class Library(BaseModel):
    """A page of files, the latest first."""

    items: list[Kept]
    next_cursor: str | None


class Deleted(BaseModel):
    """What remains of a deleted file."""

    id: str
    deleted: bool


@bp.route(_ALL, methods=["POST"], content_types=[*FILES, _FORM, _JSON])
@http_errors
def add_media(account: str) -> Response:
    """``POST /media``: keep a picture, video or sound at an address of its own."""
    request = bp.current_request
    principal = require(request, "editor", account)
    get_account(account)
    preview, use = query_text(request, "preview"), query_choice(request, "as", ("imagemap",))

    def run() -> Response:
        made = service.keep(account, _file(request, account), preview=preview, as_imagemap=use is not None)
        audit(account, principal.who, "media", f"media/{made['id']}")
        return json_response(made, 201)

    return once(request, principal, run)


@bp.route(_ALL, methods=["GET"])
@http_errors
def list_media(account: str) -> Response:
    """``GET /media``: the files that are kept, the latest first, and what shows each."""
    request = bp.current_request
    require(request, "viewer", account)
    get_account(account)
    limit, position = query_int(request, "limit", 50), query_cursor(request, "before")
    kind = query_choice(request, "type", ("image", "video", "audio"))
    items, following = library.page(account, kind, position["before"] if position else None, limit)
    return json_response(page(items, {"before": following} if following else None, request))


@bp.route(f"{_ALL}/{{media}}", methods=["DELETE"])
@http_errors
def delete_media(account: str, media: str) -> Response:
    """``DELETE /media/{id}``: the file and its address; refused while something shows it."""
    principal = require(bp.current_request, "editor", account)
    service.delete(account, media)
    audit(account, principal.who, "media.delete", f"media/{media}")
    return json_response({"id": media, "deleted": True})


def _file(request: Request, account: str) -> bytes:
    """The file of a request: its body, a form's file, or an upload."""
    content_type = str(request.headers.get("content-type", ""))
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == _JSON:
        with open_upload(account, json_body(request, Upload).upload_id) as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise TooLarge(Reason("body_too_large", bytes=file.tell(), most=MOST_BYTES))
        return data
    if media_type == _FORM:
        return _of_form(content_type, raw_body(request, MOST_BYTES + _FORM_BYTES))
    return raw_body(request, MOST_BYTES)


def _of_form(content_type: str, body: bytes) -> bytes:
    """The one file of a form. Raises InvalidInput, TooLarge."""
    try:
        files = [part.data for part in multipart.parts(content_type, body) if part.filename is not None]
    except multipart.Unreadable:
        files = []
    if len(files) != 1:
        raise InvalidInput(Reason("media_one_file", has=len(files)))
    if len(files[0]) > MOST_BYTES:
        raise TooLarge(Reason("body_too_large", bytes=len(files[0]), most=MOST_BYTES))
    return files[0]


OPERATIONS = [
    Operation(
        "POST",
        _ALL,
        "Keep a picture, video or sound for messages",
        "editor",
        response=Media,
        status=201,
        query={
            "preview": "the id of a picture that stands for a video",
            "as": "imagemap: in LINE's widths, 1040 to 240",
        },
        media_types=(*FILES, _FORM, _JSON),
    ),
    Operation(
        "GET",
        _ALL,
        "The files for messages, the latest first",
        "viewer",
        response=Library,
        query={
            "type": "image, video or audio; without it all",
            "limit": "Items per page, at most 200.",
            "cursor": "next_cursor of the page before.",
        },
    ),
    Operation("DELETE", f"{_ALL}/{{media}}", "Delete a file that nothing shows", "editor", response=Deleted),
]
