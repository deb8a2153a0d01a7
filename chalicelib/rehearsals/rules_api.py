"""``POST …/rules/test``: what rules would do about an event, before they are saved."""

from __future__ import annotations

from typing import Any, Literal

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts.access import require
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.routes import Operation
from chalicelib.rehearsals import dry_run
from chalicelib.shared.fields import UserId

bp = Blueprint(__name__)


class GivenEvent(BaseModel):
    """An event to try: one that happened (``event_id``), or one made up."""

    model_config = ConfigDict(extra="forbid")

    event_id: str | None = Field(default=None, min_length=1, max_length=128)
    type: str | None = Field(default=None, min_length=1, max_length=110)
    at: str | None = None
    props: dict[str, Any] = {}


class DryRun(BaseModel):
    """Try rules on one friend and event. ``rules``: drafts that stand in for (or join) the saved ones;
    ``only``: look at these drafts alone.
    """

    model_config = ConfigDict(extra="forbid")

    user_id: UserId
    event: GivenEvent
    rules: dict[str, dict[str, Any]] | None = Field(default=None, max_length=200)
    only: bool = False


class Judged(BaseModel):
    """On what a dry run was decided: the friend as known now, in which an event that happened is already."""

    friend: Literal["now"]
    event: Literal["counted already", "counted for this test"]


class DryRunAnswer(BaseModel):
    """What would happen; nothing did."""

    judged: Judged
    rules: list[dict[str, Any]]
    changes: list[dict[str, Any]]
    effects: list[dict[str, Any]]


@bp.route("/v1/accounts/{account}/rules/test", methods=["POST"])
@http_errors
def try_rules(account: str) -> Response:
    """``POST /rules/test``: what the rules would do about an event; changes and sends nothing."""
    require(bp.current_request, "viewer", account)
    asked = json_body(bp.current_request, DryRun)
    event = asked.event.model_dump(exclude_none=True)
    return json_response(dry_run.dry_run(account, asked.user_id, event, asked.rules, only=asked.only))


OPERATIONS = [
    Operation(
        "POST",
        "/v1/accounts/{account}/rules/test",
        "Try rules on an event without doing anything",
        "viewer",
        DryRun,
        DryRunAnswer,
    ),
]
