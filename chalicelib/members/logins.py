"""Links by LINE Login and by LIFF: begun by the member site for a member, ended once by whoever LINE signs
in.

``control``, ``<account>#LOGIN#<hash>`` / the hash of the token: the member, where the browser came from,
until when it counts, and what was sent along to LINE (state, nonce, the verifier of PKCE, the browser that
went). The token is taken once; what is kept of it cannot be turned back into it.
https://developers.line.biz/en/docs/line-login/integrate-line-login/
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from chalicelib.accounts.model import Account
from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import plain_item, to_av, write_if
from chalicelib.shared.errors import TodokuError
from chalicelib.shared.ids import digest, new_secret
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

LIFE = timedelta(minutes=10)
SCOPE = "openid profile"
_NAME = re.compile(r"[0-9a-f]{64}")


class Refused(TodokuError):
    """The attempt does not count; the friend has to begin anew at the member site."""

    code, status = "invalid_input", 400


@dataclass(frozen=True)
class Flow:
    """An attempt that LINE has answered: whose it is, where the browser goes on, what LINE must confirm."""

    member: str
    return_url: str
    nonce: str
    verifier: str


def begin(account: str, member: str, return_url: str | None) -> tuple[str, datetime]:
    """The token of an attempt, and when it ends; without ``return_url`` it is one for LIFF."""
    token, until = new_secret(), clock.now() + LIFE
    fields = {"member": member, "return_url": return_url or "", "until": iso(until)}
    item = {name: to_av(value) for name, value in fields.items()}
    item["expires_at"] = {"N": str(int(until.timestamp()) + 3600)}
    aws.client("dynamodb").put_item(TableName=_table(), Item=_key(account, _name(token)) | item)
    return token, until


def start(account: Account, token: str) -> tuple[str, str]:
    """Where the browser goes at LINE, and what it has to bring back besides (a cookie). Raises Refused.

    Begun again, what was begun before counts no more.
    """
    name = _name(token)
    item = _open(account.id, name)
    if not item["return_url"] or account.login_channel_id is None:
        raise Refused(Reason("link_unknown"))
    state, nonce, verifier, browser = f"{name}.{new_secret()}", new_secret(), new_secret(), new_secret()
    sent = {"state": digest(state), "nonce": nonce, "verifier": verifier, "browser": digest(browser)}
    if not _update(account.id, name, sent, {}):
        raise Refused(Reason("link_used"))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "response_type": "code",
        "client_id": account.login_channel_id,
        "redirect_uri": callback(account.id),
        "state": state,
        "scope": SCOPE,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "bot_prompt": "normal",
    }
    return f"{settings().line_access_url}/oauth2/v2.1/authorize?{urlencode(asked)}", browser


def finish(account: str, state: str, browser: str) -> Flow:
    """The attempt that a state belongs to, taken. Raises Refused for one that does not count, or was begun in
    another browser.
    """
    name = state.partition(".")[0]
    item = _open(account, name)
    if not hmac.compare_digest(digest(state), item.get("state", "")):
        raise Refused(Reason("link_unknown"))
    if not hmac.compare_digest(digest(browser), item["browser"]):
        raise Refused(Reason("link_other_browser"))
    if not _update(account, name, {"is_used": True}, {"state": digest(state)}):
        raise Refused(Reason("link_used"))
    return Flow(item["member"], item["return_url"], item["nonce"], item["verifier"])


def look(account: str, token: str) -> None:
    """Raises Refused for a token of LIFF that does not count."""
    if _open(account, _name(token))["return_url"]:
        raise Refused(Reason("link_unknown"))


def take(account: str, token: str) -> str:
    """The member of a token for LIFF, taken. Raises Refused."""
    look(account, token)
    name = _name(token)
    item = _open(account, name)
    if not _update(account, name, {"is_used": True}, {}):
        raise Refused(Reason("link_used"))
    return str(item["member"])


def callback(account: str) -> str:
    """The address to which LINE sends browsers back: to be registered with the Login channel."""
    return f"{settings().public_url.rstrip('/')}/link/{account}/callback"


def back(url: str, **params: str) -> str:
    """The address of the member site with what came of it."""
    parts = urlsplit(url)
    kept = [
        pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in {"linked", "error"}
    ]
    return parts._replace(query=urlencode([*kept, *params.items()])).geturl()


def _open(account: str, name: str) -> dict[str, Any]:
    """An attempt that may still be ended. Raises Refused."""
    if not _NAME.fullmatch(name):
        raise Refused(Reason("link_unknown"))
    answer = aws.client("dynamodb").get_item(TableName=_table(), Key=_key(account, name), ConsistentRead=True)
    item = plain_item(answer["Item"]) if "Item" in answer else None
    if item is None:
        raise Refused(Reason("link_unknown"))
    if item.get("is_used"):
        raise Refused(Reason("link_used"))
    if iso(clock.now()) > item["until"]:
        raise Refused(Reason("link_over"))
    return item


def _update(account: str, name: str, fields: dict[str, Any], known: dict[str, Any]) -> bool:
    """Write fields of an attempt that is not used and as known; False when it is another by now."""
    names = {f"#{n}": n for n in (*fields, *known)}
    values = {f":{n}": to_av(v) for n, v in fields.items()} | {f":k_{n}": to_av(v) for n, v in known.items()}
    holds = ["attribute_exists(pk)", "attribute_not_exists(is_used)", *(f"#{n} = :k_{n}" for n in known)]
    return write_if(
        "update_item",
        "control",
        Key=_key(account, name),
        UpdateExpression="SET " + ", ".join(f"#{n} = :{n}" for n in fields),
        ConditionExpression=" AND ".join(holds),
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=values,
    )


def _table() -> str:
    return settings().table("control")


def _name(token: str) -> str:
    return digest("login", token)


def _key(account: str, name: str) -> dict[str, Any]:
    return {"pk": {"S": f"{account}#LOGIN#{name[:2]}"}, "sk": {"S": name}}
