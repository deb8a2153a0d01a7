"""What LINE itself says of the messages of a preview, before anybody gets them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.gateways import line


def check(account: str, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """``{"valid": true | false | null, "details": [{"variant", "property", "message"}]}`` of one sample
    of each variant; null: there is none, or LINE did not say.
    """
    token = accounts.line_credentials(account)["channel_access_token"]
    firsts = {sample["variant"]: sample["messages"] for sample in reversed(samples)}
    details: list[dict[str, Any]] = []
    for variant, messages in firsts.items():
        try:
            answer = line.validate(token, messages)
        except line.NoAnswer:
            return {"valid": None, "details": details}
        if answer.status not in {200, 400}:
            return {"valid": None, "details": details}
        if answer.status == 400:
            found = answer.details or [{"property": "", "message": answer.message}]
            details += [
                {"variant": variant, "property": str(one.get("property", "")), "message": str(one["message"])}
                for one in found
                if "message" in one
            ]
    return {"valid": None if not firsts else not details, "details": details}
