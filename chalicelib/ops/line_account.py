"""What an operator asks of LINE for one account: is it connected, a new secret, who follows."""

from __future__ import annotations

from typing import Any

from chalicelib.accounts import line_check
from chalicelib.accounts import service as accounts
from chalicelib.gateways import line, line_admin
from chalicelib.shared.errors import Detail, InvalidInput
from chalicelib.shared.reasons import Reason
from chalicelib.transfers import followers as sync

_SECRETS = ("channel_secret", "channel_access_token")


def verify(account: str) -> dict[str, Any]:
    """Whether LINE knows the token, calls our webhook, and gets 200 from it."""
    accounts.get_account(account)
    found = line_check.check(account)
    problems = [str(reason) for reason in found.pop("problems")]
    return {"account": account, **found, "problems": problems, "ok": not problems}


def rotate(
    account: str,
    channel_secret: str | None = None,
    channel_access_token: str | None = None,
    *,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Put a new secret or token in force; a token must be one that LINE knows, and of the same bot."""
    given = {"channel_secret": channel_secret, "channel_access_token": channel_access_token}
    new = {name: value for name, value in given.items() if value}
    if not new:
        raise InvalidInput(
            Reason("nothing_to_rotate"), [Detail(name, Reason("give_one")) for name in _SECRETS]
        )
    accounts.get_account(account)
    answer: dict[str, Any] = {"account": account, "rotated": sorted(new), "dry_run": dry_run}
    if channel_access_token:
        try:
            answer["bot"] = line_admin.bot_info(channel_access_token)
        except line_admin.Refused as error:
            return answer | {"ok": False, "rotated": [], "problems": [f"the new token: {error}"]}
    if not dry_run:
        accounts.rotate_line_credentials(account, new, "ops")
    return answer | {"ok": True}


def followers(account: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Begin the job that makes everybody known who follows (``POST /friends/sync``); ``dry_run``: ask LINE
    for one page, and report how many it has.
    """
    found = accounts.get_account(account)
    answer: dict[str, Any] = {"account": found.id, "dry_run": dry_run}
    if not dry_run:
        return answer | {"ok": True, "job": sync.start(found.id, "ops")}
    try:
        users, following = line.followers(accounts.line_credentials(found.id)["channel_access_token"], None)
    except line.Refused as error:
        return answer | {"ok": False, "problems": [str(sync.refusal(error.status))]}
    except line.NoAnswer as error:
        return answer | {"ok": False, "problems": [str(error)]}
    return answer | {"ok": True, "followers": len(users), "more": following is not None}
