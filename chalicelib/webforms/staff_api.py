"""``/forms/try`` and ``/forms/{form}/qr``: a form before friends see it, and its address for print."""

from __future__ import annotations

from typing import Annotated, Any

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts.access import require
from chalicelib.accounts.service import get_account
from chalicelib.catalog.kinds import DOCUMENTS
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.validation import normal_body
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.queries import path_id
from chalicelib.http.routes import Operation
from chalicelib.pages import page as pages
from chalicelib.routes import qr
from chalicelib.shared.errors import Conflict
from chalicelib.shared.fields import Id, UserId
from chalicelib.shared.reasons import Reason
from chalicelib.webforms import trying

bp = Blueprint(__name__)

_FORMS = "/v1/accounts/{account}/forms"
_Values = Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=100)]


class FormTrial(BaseModel):
    """A draft, what the fields hold so far, by question, and the question to look at (without it the first
    that has no answer). ``user_id``: as this friend; without it as somebody of whom nothing is known.
    """

    model_config = ConfigDict(extra="forbid")

    id: Id = "draft"
    form: dict[str, Any]
    answers: dict[Id, _Values] = Field(default={}, max_length=100)
    question: Id | None = None
    user_id: UserId | None = None


class FormTrialAnswer(BaseModel):
    """The page; the question on it, null at the end; there, what the answers come to."""

    html: str
    question: str | None
    result: str | None
    points: float | dict[str, float] | None


@bp.route(f"{_FORMS}/try", methods=["POST"])
@http_errors
def try_form(account: str) -> Response:
    """``POST /forms/try``: the page that friends would see; nothing is kept, nothing is done."""
    request = bp.current_request
    require(request, "viewer", account)
    asked, found = json_body(request, FormTrial), get_account(account)
    body = normal_body(DOCUMENTS["forms"], asked.form)
    trial = trying.begin(found, asked.id, body, asked.user_id, pages.language_of(request))
    return json_response(trying.show(trial, asked.answers, asked.question))


@bp.route(f"{_FORMS}/{{form}}/qr", methods=["GET"])
@http_errors
def form_qr(account: str, form: str) -> Response:
    """``GET /forms/{form}/qr``: where friends find the form, as a QR code; 409 where it has no address."""
    request = bp.current_request
    require(request, "viewer", account)
    known, id_ = snapshot(account), path_id(form, "form")
    known.get("forms", id_)
    url = DOCUMENTS["forms"].state(id_, known)["url"]
    if url is None:
        raise Conflict(Reason("form_no_address"))
    return qr.answer(request, url)


OPERATIONS = [
    Operation(
        "POST",
        f"{_FORMS}/try",
        "Try a form: the page that friends would see after these answers",
        "viewer",
        FormTrial,
        FormTrialAnswer,
    ),
    Operation(
        "GET",
        f"{_FORMS}/{{form}}/qr",
        "A form's address as a QR code",
        "viewer",
        query=qr.QUERY,
    ),
]
