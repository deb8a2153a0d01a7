"""A friend's turn with the words for it: what cannot be said is passed, and said why. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.accounts import friend_tokens
from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.accounts.model import Account
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.messages import render
from chalicelib.scenarios import decide
from chalicelib.scenarios.model import Enrollment, Park, Step

Payload = list[dict[str, Any]]


def take(
    account: Account,
    snapshot: Snapshot,
    program: decide.Program | None,
    item: Enrollment,
    sheet: dict[str, Any] | None,
    now: datetime,
    *,
    happened: bool,
) -> tuple[Park | Step, Payload | None]:
    """What the turn comes to, and the friend's own words of the message that is sent (None: the same words
    for everybody, or no message). ``happened``: what the friend waits for has.
    """
    refused: dict[str, str] = {}
    while True:
        found = decide.step(program, item, sheet, now, refused, happened=happened)
        if isinstance(found, Park) or found.send is None or found.message is None or sheet is None:
            return found, None
        document = snapshot.find("messages", found.message)
        if document is None:
            refused[found.send] = "no_message"
        elif render.is_static(document.body):
            return found, None
        else:
            try:
                return found, words(account, snapshot, item.scenario, document.body, sheet, now)
            except render.Unrenderable as error:
                refused[found.send] = f"unrenderable: {error}"


def words(
    account: Account,
    snapshot: Snapshot,
    scenario: str,
    body: Mapping[str, Any],
    sheet: Mapping[str, Any],
    now: datetime,
) -> Payload:
    """A step's message for a friend, its links telling whose click it is. Raises Unrenderable."""
    whose = FriendToken(sheet["user_id"], scenario)

    def token() -> str:
        return friend_tokens.make(account.id, whose)

    return render.render(body, sheet, snapshot, now, zone=account.zone, token=token)
