"""A friend's turn with the words for it: what cannot be rendered is passed, and why. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from chalicelib.accounts import friend_tokens
from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.accounts.model import Account
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.deliveries import policies
from chalicelib.deliveries import service as deliveries
from chalicelib.enrollments import anchors, decide
from chalicelib.enrollments.model import Cause, Enrollment, Park, Step
from chalicelib.events.sheet import Sheet
from chalicelib.messages import for_all, render
from chalicelib.shared.reasons import Kept, Reason
from chalicelib.shared.times import parse_iso
from chalicelib.sheets.trim import size_of
from chalicelib.topics import consent

Payload = list[dict[str, Any]]
Settled = Callable[[str, str], dict[str, Any] | None]
"""Of a node's message, by their ids; None: there is none."""


def take(
    account: Account,
    snapshot: Snapshot,
    program: decide.Program | None,
    item: Enrollment,
    sheet: Sheet | None,
    now: datetime,
    *,
    happened: Cause | None,
    settled: Settled | None = None,
) -> tuple[Park | Step, Payload | None]:
    """What the turn comes to, and the friend's own words of the message that is sent (None: the same words
    for everybody, or no message). ``happened``: what the friend waits for.
    ``settled``: a message with what is the same for all whose turn has come; None: it is only looked at, and
    its links hold no live tokens.
    """
    tokens = friend_tokens.make if settled else friend_tokens.sample

    policy = policies.of_account(account, snapshot)

    def rule(kind: str, id_: str) -> policies.Ruling | None:
        document = snapshot.find(kind, id_)
        if document is None:
            return None
        return policies.decide(policy, document.body.get("category", "marketing"), now)

    refused: dict[str, Kept] = {}
    happened_at = parse_iso(happened.at) if happened else None
    while True:
        found = decide.step(program, item, sheet, now, refused, rule=rule, happened_at=happened_at)
        if isinstance(found, Park) or found.send is None or found.message is None or sheet is None:
            return found, None
        document = snapshot.find("messages", found.message)
        if document is None:
            refused[found.send] = "no_message"
        elif consent.holds_back(sheet, document.body, snapshot):
            refused[found.send] = "opted_out"
        elif render.is_static(
            body := (settled and settled(found.send, found.message))
            or render.settled(document.body, snapshot)
        ):
            return found, None
        else:
            try:
                seen = anchors.seen_by(item, sheet)
                return found, words(account, snapshot, item.scenario, found.send, body, seen, now, tokens)
            except render.Unrenderable as error:
                refused[found.send] = Reason("unrenderable_for", why=error.reason).kept()


def words(
    account: Account,
    snapshot: Snapshot,
    scenario: str,
    node: str,
    body: Mapping[str, Any],
    sheet: Mapping[str, Any],
    now: datetime,
    tokens: friend_tokens.Maker,
) -> Payload:
    """A step's message for a friend, its links telling whose click it is. Raises Unrenderable."""
    whose = FriendToken(sheet["user_id"], scenario, "", node)
    return render.render(
        body, sheet, snapshot, now, zone=account.zone, token=lambda page="": tokens(account.id, whose, page)
    )


def of_many(
    account: Account, snapshot: Snapshot, message: str, now: datetime, whose: FriendToken | None
) -> dict[str, Any] | None:
    """A step's message with what is the same for all whose turn has come; None: there is none. When they are
    many (``whose`` clicks, that is which step's) and it differs by its links alone, those lead through LIFF,
    where they can, and the words are one.
    """
    document = snapshot.find("messages", message)
    if document is None:
        return None
    body = render.settled(document.body, snapshot)
    if whose is None or not for_all.has_addresses(body) or for_all.why_not(body, account) is not None:
        return body
    token = friend_tokens.make(account.id, whose)
    try:
        return {**body, "messages": for_all.through_liff(body, snapshot, now, account, token)}
    except render.Unrenderable:
        return body


def may_repeat(body: Mapping[str, Any] | None, value: str | None) -> bool:
    """Whether a step's message may reach a friend again at once: it says so, or the run is for some value (of
    another reservation the same words say something else).
    """
    return bool(body and body.get("repeats")) or value is not None


# How many friends one chunk holds: as many as LINE takes at once and an item of the ledger holds. Pure.


CHUNK_BYTES = 250_000
"""A chunk stays well below an item's 400 KB."""


def pieces(users: Iterable[str], payloads: Mapping[str, Sequence[Any]]) -> list[list[str]]:
    """Friends in order, cut into what one chunk holds each. Without payloads the message is one for all."""
    most = deliveries.PUSH_MAX if payloads else deliveries.MULTICAST_MAX
    found: list[list[str]] = []
    size = 0
    for user in users:
        weight = 2 * len(user.encode()) + (size_of(payloads[user]) if payloads else 0)
        if not found or len(found[-1]) >= most or size + weight > CHUNK_BYTES:
            found.append([])
            size = 0
        found[-1].append(user)
        size += weight
    return found
