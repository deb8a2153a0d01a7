"""Who takes part in a rehearsal: friends by name, or some who follow, always the same ones. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from chalicelib.accounts.model import Account
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.segments import audience
from chalicelib.shared.errors import NotFound
from chalicelib.shared.reasons import Reason

MOST_PAGES = 64
"""Pages of friends that are looked through at most."""


def named(account: Account, user_ids: Sequence[str]) -> list[Sheet]:
    """These friends, in this order, each once. Raises NotFound, naming the first who is none."""
    users = list(dict.fromkeys(user_ids))
    sheets = friends.load_many(account.id, account.shards, users)
    for user in users:
        if user not in sheets or sheets[user].get("status") == "erased":
            raise NotFound(Reason("no_friend", user=user))
    return [sheets[user] for user in users]


def sample(account: Account, size: int) -> list[Sheet]:
    """As many friends who follow, or all there are, by a checksum of their ids.

    Shards are drawn by checksum too, so the first that hold enough stand for all.
    """
    users: list[str] = []
    pages = 0
    for shard in range(account.shards):
        for page in audience.walk_shard(account.id, shard, needs=()):
            users += [str(sheet["user_id"]) for sheet in page if sheet["status"] == "following"]
            pages += 1
            if len(users) >= size or pages >= MOST_PAGES:
                break
        if len(users) >= size or pages >= MOST_PAGES:
            break
    users.sort(key=lambda user: (crc32(user.encode()), user))
    found = friends.load_many(account.id, account.shards, users[:size])
    return [
        found[user] for user in users[:size] if user in found and found[user].get("status") == "following"
    ]
