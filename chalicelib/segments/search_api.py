"""``POST /friends/search``: friends by condition and name, in an order."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts.access import require
from chalicelib.accounts.service import get_account
from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.references import missing
from chalicelib.catalog.service import snapshot
from chalicelib.conditions import language
from chalicelib.friends import service as friends
from chalicelib.friends.views import Friend, friend_body
from chalicelib.gateways import clock
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.pages import decode_cursor, encode_cursor
from chalicelib.http.queries import MAX_LIMIT
from chalicelib.http.routes import Operation
from chalicelib.segments import search
from chalicelib.shared.errors import InvalidInput, RuleViolation
from chalicelib.shared.ids import digest
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)

_PATH = "/v1/accounts/{account}/friends/search"


class SearchRequest(BaseModel):
    """Whom to look for; ``sort``: last_active, followed_at, display_name, purchases.total or score:<id>.

    ``quick``: where every friend would have to be read, answer within about a second with the best of a part
    of them (``total`` is then an interval): something to show until the whole answer is there.
    """

    model_config = ConfigDict(extra="forbid")

    condition: dict[str, Any] | None = None
    q: Annotated[str, Field(max_length=200)] = ""
    sort: Annotated[str, Field(max_length=80)] = "last_active"
    order: Literal["asc", "desc"] = "desc"
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 50
    cursor: str | None = None
    quick: bool = False


class Total(BaseModel):
    """How many there are: ``count``, or between ``low`` and ``high`` when not all could be read in time."""

    count: int | None = None
    low: int | None = None
    high: int | None = None


class SearchAnswer(BaseModel):
    """A page, in the order asked for."""

    items: list[Friend]
    next_cursor: str | None
    total: Total


@bp.route(_PATH, methods=["POST"])
@http_errors
def search_friends(account: str) -> Response:
    """``POST /friends/search``."""
    request = bp.current_request
    require(request, "viewer", account)
    asked = json_body(request, SearchRequest)
    found, catalog = get_account(account), snapshot(account)
    if asked.condition is not None:
        language.check(asked.condition, catalog)
    _check_sort(asked.sort, catalog)
    list_of = digest(
        account, json.dumps(asked.model_dump(exclude={"cursor", "limit", "quick"}), sort_keys=True)
    )[:12]
    after = _after(asked.cursor, list_of, asked) if asked.cursor else None
    is_descending, within_s = asked.order == "desc", search.QUICK_S if asked.quick else search.WITHIN_S
    wanted = search.Asked(asked.condition, asked.q, asked.sort, is_descending, asked.limit, after, within_s)
    page = search.search(found, catalog, wanted)
    shown = page.friends[: asked.limit]
    sheets = friends.load_many(account, found.shards, [user for _, user in shown])
    now = clock.now()
    known = [sheets[user] for _, user in shown if user in sheets]
    # A quick look may find whom the snapshot still has.
    items = [friend_body(sheet, catalog, now) for sheet in known if sheet["status"] != "erased"]
    more = len(page.friends) > asked.limit
    cursor = encode_cursor({"list": list_of, "at": list(shown[-1][0])}) if more else None
    return json_response({"items": items, "next_cursor": cursor, "total": page.total()})


def _check_sort(sort: str, catalog: Any) -> None:
    score = Reference("sort", "scores", sort.removeprefix("score:"))
    if sort.startswith("score:") and catalog.find("scores", score.id) is None:
        raise RuleViolation.at("sort", missing(score, catalog))
    if not sort.startswith("score:") and sort not in search.SORTS:
        raise InvalidInput.at("sort", Reason("must_be_sort", choices=list(search.SORTS)))


def _after(cursor: str, list_of: str, asked: SearchRequest) -> search.Place:
    position = decode_cursor(cursor)
    at = position.get("at")
    if position.get("list") != list_of or not isinstance(at, list) or not _is_place(at, asked):
        raise InvalidInput.at("cursor", Reason("cursor_unknown"))
    return at[0], at[1], at[2]


def _is_place(at: list[Any], asked: SearchRequest) -> bool:
    """Whether it can be compared with the places of this order."""
    if len(at) != 3 or not isinstance(at[0], bool) or not isinstance(at[2], str):
        return False
    if at[0] is not (asked.order == "desc"):
        return bool(at[1] == "")
    is_number = asked.sort.startswith("score:") or asked.sort == "purchases.total"
    return isinstance(at[1], int | float) if is_number else isinstance(at[1], str)


OPERATIONS = [
    Operation("POST", _PATH, "Friends by condition and name, in order", "viewer", SearchRequest, SearchAnswer)
]
