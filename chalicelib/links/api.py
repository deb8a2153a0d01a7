"""``GET /r/{code}``: tracked links, as friends open them."""

from __future__ import annotations

from chalice.app import Blueprint, Response

from chalicelib.accounts import friend_tokens
from chalicelib.accounts import service as accounts
from chalicelib.catalog import service as catalog
from chalicelib.gateways import clock, inbox
from chalicelib.http.answers import http_errors
from chalicelib.http.meanwhile import end_before_answer
from chalicelib.http.routes import Operation
from chalicelib.links import previews, site_tokens
from chalicelib.links import service as links
from chalicelib.shared.errors import NotFound
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso

bp = Blueprint(__name__)


@bp.route("/r/{code}", methods=["GET", "HEAD"])
@http_errors
def follow_link(code: str) -> Response:
    """``GET /r/{code}``: to the registered URL of a tracked link, and nowhere else. HEAD only looks."""
    known, url = links.read_code(code), None
    if known:
        url = links.target(catalog.recent(known[0], links.FRESH), known[1])
    if known is None or url is None:
        raise NotFound(Reason("no_such_link"))
    if bp.current_request.method == "GET":
        url = _followed(*known, url, links.tokens(code, _query()))
    return Response(body="", status_code=302, headers={"Location": url, "Cache-Control": "no-store"})


def _query() -> dict[str, list[str]]:
    given = bp.current_request.query_params
    return {name: given.getlist(name) for name in given} if given else {}


def _followed(account: str, link: str, url: str, given: list[str]) -> str:
    """Put the click in the inbox, when the address says whose it is; where it leads, with who comes. Whatever
    happens, the friend goes on.
    """
    if not given or not previews.is_friend(bp.current_request.headers):
        return url
    try:
        known = (friend_tokens.read(account, text) for text in given)
        token = next((token for token in known if token is not None and token.user_id), None)
        if token is None:
            return url
        _keep(account, link, token)
        # Who comes is known to the site although the click may be lost.
        return site_tokens.with_token(accounts.recent_account(account), url, token, link)
    except Exception:  # noqa: BLE001 (a click that is lost is better than a friend who is)
        logger.exception("a click could not be kept", extra={"account": account, "link": link})
    return url


def _keep(account: str, link: str, token: friend_tokens.FriendToken) -> None:
    """Put the click in the inbox while the answer is made."""
    names = {"account": account, "link": link}
    try:
        end = inbox.begin_put(links.clicked(account, link, token, iso(clock.now())))
    except Exception:  # noqa: BLE001 (as above)
        logger.exception("a click could not be kept", extra=names)
        return

    def report() -> None:
        try:
            if not end():
                logger.error("a click was refused by the inbox", extra=names)
        except Exception:  # noqa: BLE001 (as above)
            logger.exception("a click could not be kept", extra=names)

    end_before_answer(report)


OPERATIONS = [
    Operation(
        "GET",
        "/r/{code}",
        "A tracked link: to its registered URL",
        None,
        status=302,
        query={"t": "the friend token, which makes it a click of that friend"},
        any_query=True,
    ),
    Operation(
        "HEAD", "/r/{code}", "Where a tracked link leads, without a click", None, status=302, any_query=True
    ),
]
