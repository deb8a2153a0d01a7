"""The column ``member_id`` of an import of friends: who of the rows is which member.

The link is claimed before the row is folded, and the row brings to the sheet what the link and the member are
then. A chunk that comes again claims nothing anew and folds the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from chalicelib.accounts.model import Account
from chalicelib.friends import service as friends
from chalicelib.gateways import queues
from chalicelib.members import service as members
from chalicelib.members import state
from chalicelib.shared.errors import Conflict
from chalicelib.transfers.rows import Row, WrongLine

_THREADS = 8


def claim(account: Account, rows: Sequence[tuple[int, Row]]) -> dict[int, WrongLine]:
    """Link the friends of rows that name a member, and put into each row what is reported to its sheet
    (``member``); returns what is wrong, by line.
    """
    named = [(line, row) for line, row in rows if "member_id" in row]
    if not named:
        return {}
    since = friends.heard_of(account.id, account.shards, {row["user_id"] for _, row in named})

    def one(at: tuple[int, Row]) -> tuple[int, WrongLine | None]:
        line, row = at
        user, member = row["user_id"], row["member_id"]
        if since.get(user) == friends.ERASED:
            return line, None  # the row says so
        try:
            link = members.claim(account.id, member, user, "import", create=True)
        except Conflict as error:
            return line, WrongLine(error.reason)
        found = members.find(account.id, [member])[member]
        row["member"] = {**state.report_of(link, found), "at": max(link.at, found.at)}
        if found.has_events:
            queues.send("bulk", members.catching_up(account.id, user, member))
        return line, None

    with ThreadPoolExecutor(_THREADS) as threads:
        found = dict(threads.map(one, named))
    return {line: wrong for line, wrong in found.items() if wrong is not None}
