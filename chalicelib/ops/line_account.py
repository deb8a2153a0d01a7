"""What an operator asks of LINE for one account: is it connected, a new secret, who follows."""

from __future__ import annotations

from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.gateways import line_admin
from chalicelib.shared.errors import Detail, InvalidInput
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.transfers import imports, uploads
from chalicelib.transfers.beginning import Wish

PAGES_PER_IMPORT = 20
_SECRETS = ("channel_secret", "channel_access_token")


def verify(account: str) -> dict[str, Any]:
    """Whether LINE knows the token, calls our webhook, and gets 200 from it."""
    token = accounts.line_credentials(account, refresh=True)["channel_access_token"]
    wanted = f"{settings().public_url}/webhook/{account}"
    answer: dict[str, Any] = {"account": account, "problems": []}
    try:
        answer["bot"] = line_admin.bot_info(token)
        answer["webhook"] = line_admin.webhook_endpoint(token)
        answer["test"] = line_admin.try_webhook(token)
    except line_admin.Refused as error:
        answer["problems"].append(_REFUSED.get(error.status or 0, str(error)))
    else:
        answer["problems"] += _wrong(answer, wanted)
    return answer | {"ok": not answer["problems"]}


_REFUSED = {
    401: "LINE does not know this channel access token: rotate it",
    404: "no webhook URL is set in LINE's console",
}


def _wrong(answer: dict[str, Any], wanted: str) -> list[str]:
    problems = []
    webhook, test = answer["webhook"], answer["test"]
    if not webhook.get("active"):
        problems.append("'Use webhook' is off in LINE's console: nothing arrives")
    if webhook.get("endpoint") != wanted:
        problems.append(f"LINE calls {webhook.get('endpoint')}, and this stage is at {wanted}")
    if not test.get("success"):
        problems.append(f"LINE's test call failed: {test.get('reason')} (status {test.get('statusCode')})")
    return problems


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


def followers(account_id: str, start: str | None = None, *, dry_run: bool = False) -> dict[str, Any]:
    """Make everybody known who follows, by imports of 20,000 friends each; who is known stays as they are.

    ``next``: where to go on when LINE or the time stopped it (``start``; LINE keeps it for 24 hours).
    """
    account = accounts.get_account(account_id)
    token = accounts.line_credentials(account.id)["channel_access_token"]
    jobs: list[str] = []
    listed, at = 0, start
    while True:
        users, following, problem = _some(token, at)
        listed += len(users)
        if users and not dry_run:
            jobs.append(str(imports.start(account.id, _file(users), Wish("ops"))))
        at = following if following or not problem else at
        if problem or at is None:
            report = {
                "account": account.id,
                "followers": listed,
                "jobs": jobs,
                "next": at,
                "dry_run": dry_run,
            }
            return report | ({"ok": False, "problems": [problem]} if problem else {"ok": True})


def _some(token: str, start: str | None) -> tuple[list[str], str | None, str | None]:
    """As many as one import takes; where the next begins; what stopped it."""
    users: list[str] = []
    for _ in range(PAGES_PER_IMPORT):
        try:
            page, start = line_admin.followers(token, start)
        except line_admin.Refused as error:
            why = (
                "only verified and premium accounts may list followers" if error.status == 403 else str(error)
            )
            return users, start, why
        users += page
        if start is None:
            break
    return users, start, None


def _file(users: list[str]) -> uploads.Source:
    lines = ["user_id,status", *(f"{user},following" for user in users), ""]
    return uploads.inline("\n".join(lines).encode())
