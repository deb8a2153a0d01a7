"""``POST /friends/bulk``: the same actions for many friends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from chalicelib.accounts import idempotency
from chalicelib.accounts import service as accounts
from chalicelib.accounts.access import require
from chalicelib.actions.kinds import kind_of, parts
from chalicelib.bulk_actions import service as bulk
from chalicelib.catalog import references
from chalicelib.catalog.kinds import DocumentKind
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.catalog.validation import normal_body
from chalicelib.conditions import language
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import parse_json, text_body
from chalicelib.http.routes import Operation
from chalicelib.messages import vocabulary
from chalicelib.segments import approvals
from chalicelib.shared.errors import Detail, InvalidInput, RuleViolation, TooLarge
from chalicelib.shared.fields import UserId
from chalicelib.shared.reasons import Reason
from chalicelib.shared.storable import unfit
from chalicelib.sheets.trim import size_of

bp = Blueprint(__name__)

_PATH = "/v1/accounts/{account}/friends/bulk"
_MOST_BYTES = 20_000
"""Of the actions: every friend's event carries them."""


class BulkRequest(BaseModel):
    """Friends by id, or everybody for whom a condition holds, and what is done for each of them once."""

    model_config = ConfigDict(extra="forbid")

    user_ids: Annotated[list[UserId], Field(min_length=1, max_length=1000)] | None = None
    condition: dict[str, Any] | None = None
    then: Annotated[vocabulary.Actions, Field(min_length=1)]

    @model_validator(mode="after")
    def _one_of_them(self) -> BulkRequest:
        if (self.user_ids is None) == (self.condition is None):
            raise ValueError(Reason("one_of_users_condition"))
        return self


class BulkAccepted(BaseModel):
    """The job that does the work: ``GET /jobs/{id}``."""

    job_id: str


_REQUEST = DocumentKind("bulk", BulkRequest)


@bp.route(_PATH, methods=["POST"])
@http_errors
def act_on_friends(account: str) -> Response:
    """``POST /friends/bulk``: checked now, done by a job."""
    request = bp.current_request
    principal = require(request, "publisher", account)
    found = accounts.get_account(account)
    given = normal_body(_REQUEST, parse_json(text_body(request)))
    _refuse_wrong(given, snapshot(account))
    asked = bulk.Asked(given["then"], principal.who)

    def run(job: str) -> Response:
        if any(_reaches(name) for name, _ in map(parts, given["then"])):
            approvals.refuse_many(
                account, user_ids=set(given.get("user_ids") or ()), condition=given.get("condition")
            )
        if given.get("condition") is not None:
            bulk.start_for_audience(found, given["condition"], asked, job)
        else:
            bulk.start_for_users(found, given["user_ids"], asked, job)
        accounts.audit(account, principal.who, "friends.bulk", f"jobs/{job}")
        return json_response({"job_id": job}, 202)

    return idempotency.once_named(request, principal, run)


def _reaches(name: str) -> bool:
    """Whether an action says something to the friend, at once or by what it begins."""
    kind = kind_of(name)
    return kind.outgoing in {"reply", "push"} or kind.begins is not None


def _refuse_wrong(given: dict[str, Any], catalog: Snapshot) -> None:
    """Raises what is wrong with the condition or the actions."""
    if given.get("condition") is not None:
        language.check(given["condition"], catalog)
    then = given["then"]
    if (found := unfit(then, "then")) is not None:
        raise InvalidInput.of([Detail(*found)])
    if size_of(then) > _MOST_BYTES:
        raise TooLarge(Reason("document_too_large", path="then", most=_MOST_BYTES))
    wrong = list(_faults(then, catalog))
    if wrong:
        raise RuleViolation.of(wrong)


def _faults(then: list[dict[str, Any]], catalog: Snapshot) -> Iterable[Detail]:
    """What of the actions cannot work where nobody has just written, and no document keeps a secret."""
    yield from references.unresolved(vocabulary.references(then), catalog)
    yield from vocabulary.check(then, catalog)
    yield from _out_of_place(then)


def _out_of_place(then: list[dict[str, Any]]) -> Iterator[Detail]:
    for index, action in enumerate(then):
        name, value = parts(action)
        if why := kind_of(name).why_not_in_scenarios:
            yield Detail(f"then[{index}].{name}", why)
        if isinstance(value, dict) and value.get("secret") is not None:
            yield Detail(f"then[{index}].{name}.secret", Reason("bulk_keeps_no_secret"))


OPERATIONS = [
    Operation(
        "POST", _PATH, "Do the same for many friends, each once", "publisher", BulkRequest, BulkAccepted, 202
    )
]
