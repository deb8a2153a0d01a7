"""Whether an account is connected: LINE knows the token, calls our webhook, and gets 200 from it."""

from __future__ import annotations

from typing import Any

from chalicelib.accounts import credentials
from chalicelib.gateways import line_admin
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings


def address(account: str) -> str:
    """What LINE has to call."""
    return f"{settings().public_url.rstrip('/')}/webhook/{account}"


def check(account: str) -> dict[str, Any]:
    """``{wanted, bot?, webhook?, test?, problems}``: what LINE says, as far as it was asked, and the problems
    as reasons. LINE takes 60 of these an hour.
    """
    token = credentials.line_credentials(account, refresh=True)["channel_access_token"]
    found: dict[str, Any] = {"wanted": address(account), "problems": []}
    try:
        found["bot"] = line_admin.bot_info(token)
        found["webhook"] = line_admin.webhook_endpoint(token)
        found["test"] = line_admin.try_webhook(token)
    except line_admin.Refused as error:
        found["problems"].append(_refusal(error))
        return found
    return found | {"problems": _wrong(found)}


def _refusal(error: line_admin.Refused) -> Reason:
    if error.status == 401:
        return Reason("line_token_unknown")
    if error.status == 404:
        return Reason("line_webhook_unset")
    return Reason("line_answered_status", status=error.status) if error.status else Reason("line_silent")


def _wrong(found: dict[str, Any]) -> list[Reason]:
    problems, webhook, test = [], found["webhook"], found["test"]
    if not webhook.get("active"):
        problems.append(Reason("line_webhook_off"))
    if webhook.get("endpoint") != found["wanted"]:
        problems.append(
            Reason("line_webhook_elsewhere", address=str(webhook.get("endpoint")), wanted=found["wanted"])
        )
    if not test.get("success"):
        problems.append(
            Reason(
                "line_webhook_failed", what=str(test.get("reason")), status=int(test.get("statusCode") or 0)
            )
        )
    return problems
