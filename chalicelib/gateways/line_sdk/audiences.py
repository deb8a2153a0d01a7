"""Audiences at LINE: made, filled, listed, deleted. 60 calls a minute of each kind.

Rules: https://developers.line.biz/en/reference/messaging-api/#manage-audience-group
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chalicelib.gateways.line_sdk.requests import Refused, ask

MOST_USERS = 10_000
"""In one call."""
LONGEST_DESCRIPTION = 120
MOST_PER_PAGE = 40


def create(token: str, description: str, users: Sequence[str]) -> int:
    """Make an audience of these users; answers LINE's number of it. Made twice, there are two."""

    def call(api: Any, sdk: Any, seconds: float) -> Any:
        asked = sdk.CreateAudienceGroupRequest(
            description=description, audiences=[sdk.Audience(id=user) for user in users]
        )
        return api.create_audience_group(asked, _request_timeout=seconds)

    return _number(_ask("audience_create", token, call, description=description, users=users))


def add(token: str, group: int, users: Sequence[str]) -> None:
    """Add users to an audience; who is in it already stays so."""

    def call(api: Any, sdk: Any, seconds: float) -> Any:
        asked = sdk.AddAudienceToAudienceGroupRequest(
            audienceGroupId=group, audiences=[sdk.Audience(id=user) for user in users]
        )
        return api.add_audience_to_audience_group(asked, _request_timeout=seconds)

    _ask("audience_add", token, call, group=group, users=users)


def of_clicks(token: str, description: str, request_id: str, url: str | None) -> int:
    """Make an audience of who has tapped a link (``url`` None: any) in what a narrowcast brought."""

    def call(api: Any, sdk: Any, seconds: float) -> Any:
        asked = sdk.CreateClickBasedAudienceGroupRequest(
            description=description, requestId=request_id, clickUrl=url
        )
        return api.create_click_based_audience_group(asked, _request_timeout=seconds)

    return _number(_ask("audience_create", token, call, description=description, request_id=request_id))


def of_impressions(token: str, description: str, request_id: str) -> int:
    """Make an audience of who has seen what a narrowcast brought."""

    def call(api: Any, sdk: Any, seconds: float) -> Any:
        asked = sdk.CreateImpBasedAudienceGroupRequest(description=description, requestId=request_id)
        return api.create_imp_based_audience_group(asked, _request_timeout=seconds)

    return _number(_ask("audience_create", token, call, description=description, request_id=request_id))


def find(token: str, group: int) -> dict[str, Any] | None:
    """An audience as LINE has it, with its ``jobs``; None: there is none (any more)."""

    def call(api: Any, _sdk: Any, seconds: float) -> Any:
        return api.get_audience_data(group, _request_timeout=seconds)

    try:
        found = _ask("audience", token, call, group=group)
    except Refused as error:
        if error.status in {400, 404}:
            return None
        raise
    audience = (found or {}).get("audienceGroup")
    return {**audience, "jobs": found.get("jobs") or []} if isinstance(audience, dict) else None


def page(
    token: str, number: int, size: int, description: str | None = None
) -> tuple[list[dict[str, Any]], bool]:
    """A page of LINE's list, from 1, newest first, and whether there is another. ``description``: whose name
    has this in it.
    """

    def call(api: Any, _sdk: Any, seconds: float) -> Any:
        asked = {} if description is None else {"description": description}
        return api.get_audience_groups(number, size=size, _request_timeout=seconds, **asked)

    found = _ask("audiences", token, call, page=number, size=size, description=description) or {}
    groups = [one for one in found.get("audienceGroups") or () if isinstance(one, dict)]
    return groups, bool(found.get("hasNextPage"))


def delete(token: str, group: int) -> None:
    """Take an audience away; one that is gone is no error. Raises Refused for what may not be deleted."""

    def call(api: Any, _sdk: Any, seconds: float) -> Any:
        return api.delete_audience_group(group, _request_timeout=seconds)

    try:
        _ask("audience_delete", token, call, group=group)
    except Refused as error:
        if error.status != 404 and "AUDIENCE_GROUP_NOT_FOUND" not in error.codes:
            raise


def _ask(kind: str, token: str, call: Any, **detail: Any) -> Any:
    return ask("audience", "ManageAudience", kind, {"token": token, **detail}, call)


def _number(answer: Any) -> int:
    return int(answer["audienceGroupId"])
