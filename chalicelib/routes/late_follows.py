"""A touch waits ten minutes for its follow. Then LINE is asked whether who made it is a friend all the same:
there are friends of before this account was here, and LINE reports no follow of them again.
"""

from __future__ import annotations

from chalicelib.accounts.credentials import line_credentials
from chalicelib.accounts.service import get_account
from chalicelib.friends import service as friends
from chalicelib.gateways import clock, inbox, line, queues
from chalicelib.routes import touches
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import digest
from chalicelib.shared.times import iso

_AFTER_S = int(touches.WINDOW.total_seconds()) + 5


def begin(account: str, user: str, touched_at: str) -> None:
    """Come back when the follow is overdue."""
    body = {"job": "give_up_touch", "account": account, "user": user, "touched_at": touched_at}
    queues.send("bulk", body, delay_s=_AFTER_S)


def end(account: str, user: str, touched_at: str) -> None:
    """Wait no longer. Raises ``gateways.line.NoAnswer`` (try again later)."""
    sheet = friends.load(account, get_account(account).shards, user)
    if sheet is None or not touches.waits(sheet, touched_at):
        return
    is_friend = line.profile(line_credentials(account)["channel_access_token"], user) is not None
    props = {"touched_at": touched_at, "is_friend": is_friend}
    name = f"touch-over:{digest(user, touched_at)[:32]}"
    now = iso(clock.now())
    inbox.put_all([FriendEvent(name, account, user, "route_given_up", now, props=props, source="route")])
