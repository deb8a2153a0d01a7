"""A narrowcast's call, its answer, and its progress at LINE. Every function may be repeated, by many at once.

The order that sends once: the request is fixed and written; an attempt is written before its call
(``marked``), by whoever finds the item as it was read; the same request goes out with the same key until
LINE says yes (202, or 409 for a key that it has accepted), or refuses while no other attempt is open.
Nothing is asked after 20 hours: LINE forgets keys after 24. Then what came of it is unknown, and nobody
sends it again by itself.
"""

from __future__ import annotations

import json
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.broadcasts.narrowcasts import state, store
from chalicelib.broadcasts.narrowcasts.state import Narrowcast
from chalicelib.deliveries import decide, policies
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import clock, line
from chalicelib.gateways.line_sdk import narrowcasts as at_line
from chalicelib.gateways.line_sdk.requests import Refused
from chalicelib.shared.ids import retry_key
from chalicelib.shared.reasons import Reason

_NAME = "narrowcast"
_ERRORS = {
    1: "narrowcast_failed_internal",
    2: "narrowcast_failed_few",
    3: "narrowcast_failed_twice",
    4: "narrowcast_failed_small",
    5: "narrowcast_failed_partial",
}
"""LINE's ``errorCode``: https://developers.line.biz/en/reference/messaging-api/#get-narrowcast-progress-status"""


def attempt(narrowcast: Narrowcast) -> Narrowcast:
    """Ask LINE, unless it has accepted, or somebody is asking; returns the run as it is then."""
    now = clock.now()
    if narrowcast.state is not None or narrowcast.is_leased(now) or narrowcast.request is None:
        return narrowcast
    if narrowcast.is_expired(now):
        return _unknown(narrowcast)
    token = accounts.line_credentials(narrowcast.account)["channel_access_token"]
    was_open = narrowcast.open_since is not None
    noted = store.write(state.marked(narrowcast, now))
    if noted is None:
        return store.find(narrowcast.account, narrowcast.run) or narrowcast
    verdict, why = _call(noted, token)
    after = state.after_answer(noted, verdict, why, clock.now(), was_open=was_open)
    if verdict.kind in {"quota", "credentials"} and not _has_new_token(noted, verdict, token):
        deliveries.pause(noted.account, noted.run, verdict.kind)
    return store.write(after) or store.find(noted.account, noted.run) or after


def _call(narrowcast: Narrowcast, token: str) -> tuple[decide.Verdict, Any]:
    key = retry_key(narrowcast.account, narrowcast.run, _NAME)
    try:
        answer = line.send(token, _NAME, json.loads(narrowcast.request or ""), key)
    except line.NoAnswer:
        return decide.NO_ANSWER, None
    verdict = decide.read_answer(answer, _NAME)
    message = "; ".join([answer.message, *(str(one.get("message", "")) for one in answer.details)])
    code = "narrowcast_refused_reach" if answer.status == 403 else "narrowcast_refused"
    return verdict, Reason(code, status=answer.status, message=message[:200]).kept()


def _has_new_token(narrowcast: Narrowcast, verdict: decide.Verdict, token: str) -> bool:
    """Whether LINE refused a token that somebody has replaced meanwhile."""
    if verdict.kind != "credentials":
        return False
    return accounts.line_credentials(narrowcast.account, refresh=True)["channel_access_token"] != token


def _unknown(narrowcast: Narrowcast) -> Narrowcast:
    after = state.after_progress(narrowcast, None, Reason("narrowcast_unknown").kept())
    return store.write(after) or store.find(narrowcast.account, narrowcast.run) or after


def look(narrowcast: Narrowcast) -> Narrowcast:
    """With LINE's progress, if LINE reports it now."""
    if narrowcast.state != state.ACCEPTED or narrowcast.request_id is None:
        return narrowcast
    token = accounts.line_credentials(narrowcast.account)["channel_access_token"]
    try:
        found = at_line.progress(token, narrowcast.request_id)
    except (line.NoAnswer, Refused):
        return narrowcast
    why = Reason("narrowcast_forgotten") if found is None else failure(found)
    after = state.after_progress(narrowcast, found, why.kept())
    if after == narrowcast:
        return narrowcast
    return store.write(after) or store.find(narrowcast.account, narrowcast.run) or after


def failure(found: dict[str, Any]) -> Reason:
    """Why LINE ended a narrowcast without success."""
    code = _ERRORS.get(int(found.get("errorCode") or 0))
    if code is not None:
        return Reason(code)
    return Reason("narrowcast_failed", description=str(found.get("failedDescription") or "")[:200])


def held(narrowcast: Narrowcast) -> policies.Ruling:
    """What the policies say of it now; what LINE may have accepted is asked about at any time."""
    return policies.decide(policies.current(narrowcast.account), narrowcast.category, clock.now())
