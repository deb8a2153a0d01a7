"""The channels, and who is a friend of which."""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.local.line.store import Store
from chalicelib.shared.times import iso

USER_ID = re.compile(r"U[0-9a-f]{32}\Z")
CHAT_ID = re.compile(r"[UCR][0-9a-f]{32}\Z")
STATUSES = ("following", "blocked", "stranger", "foreign")
"""``stranger``: wrote without adding the account; ``foreign``: an id LINE refuses (another provider's)."""

COLOURS = ("#7fb069", "#e6a15c", "#6ca6c1", "#c97b84", "#9a86c4", "#5fa8a0", "#d58a4a", "#7a8fc9")
_FAMILY = (
    "佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤",
    "吉田", "山田", "佐々木", "山口", "松本", "井上", "木村", "林", "清水", "森",
)  # fmt: skip
_GIVEN = (
    "美咲", "陽菜", "結衣", "さくら", "葵", "凛", "莉子", "彩花", "真由", "七海",
    "優奈", "千尋", "翔太", "健太", "大輝", "悠斗", "直樹", "蓮", "拓海", "涼",
)  # fmt: skip


@dataclass(frozen=True)
class Channel:
    """A LINE Official Account as LINE knows it."""

    account: str
    secret: str
    token: str
    webhook_url: str | None
    name: str
    bot_id: str


def bot_id_of(account: str) -> str:
    """The bot's own user id (the ``destination`` of its webhooks)."""
    return "U" + hashlib.md5(f"bot:{account}".encode(), usedforsecurity=False).hexdigest()


def basic_id_of(channel: Channel) -> str:
    """The account's id as people know it."""
    return f"@{channel.bot_id[1:4]}{channel.bot_id[4:9]}"


def name_of(user_id: str) -> str:
    """A Japanese name, always the same for one id."""
    number = zlib.crc32(user_id.encode())
    return f"{_FAMILY[number % len(_FAMILY)]} {_GIVEN[number // 97 % len(_GIVEN)]}"


def colour_of(user_id: str) -> str:
    """An avatar colour, always the same for one id."""
    return COLOURS[zlib.crc32(user_id.encode()) // 7 % len(COLOURS)]


class People:
    """Channels and friends; statuses are also held in memory, since every send asks for hundreds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._friends: dict[str, dict[str, str]] = {}
        for row in store.all("SELECT account, user_id, status FROM friends"):
            self._friends.setdefault(row["account"], {})[row["user_id"]] = row["status"]
        self._channels: dict[str, Channel] = {}
        for row in store.all("SELECT * FROM channels"):
            self._channels[row["account"]] = Channel(**dict(row))

    # channels -----------------------------------------------------------------------------------------

    def channels(self) -> list[Channel]:
        """Every registered channel."""
        return list(self._channels.values())

    def channel(self, account: str) -> Channel:
        """A channel; one that was never registered has empty secrets and no webhook."""
        return self._channels.get(account) or Channel(account, "", "", None, account, bot_id_of(account))

    def register(self, channel: Channel) -> None:
        """Add a channel, or change it."""
        self._store.run(
            "INSERT OR REPLACE INTO channels VALUES (?, ?, ?, ?, ?, ?)",
            channel.account,
            channel.secret,
            channel.token,
            channel.webhook_url,
            channel.name,
            channel.bot_id,
        )
        self._channels = self._channels | {channel.account: channel}

    def account_of_token(self, token: str, *, strict: bool | None) -> str | None:
        """The account a bearer token belongs to.

        A token nobody registered is a channel of its own, unless ``strict``; with None, unless there are
        registered channels.
        """
        for channel in self._channels.values():
            if channel.token == token:
                return channel.account
        if strict or (strict is None and self._channels):
            return None
        return "token-" + hashlib.sha256(token.encode()).hexdigest()[:12]

    # friends ------------------------------------------------------------------------------------------

    def status(self, account: str, user_id: str) -> str | None:
        """``following``, ``blocked``, ``stranger``, ``foreign``, or None for an id never seen."""
        return self._friends.get(account, {}).get(user_id)

    def statuses(self, account: str) -> dict[str, str]:
        """The status of everyone this account knows (not to be changed)."""
        return self._friends.get(account, {})

    def set_status(
        self, account: str, user_id: str, status: str, now: datetime, **person: str | None
    ) -> None:
        """Friendship begins or ends; ``person`` names or colours the user."""
        self.set_many(account, [{"user_id": user_id, "status": status, **person}], now)

    def set_many(self, account: str, friends: list[dict[str, Any]], now: datetime) -> None:
        """Many at once: ``{"user_id", "status"?, "display_name"?, "colour"?, "language"?}``."""
        with self._store.write() as db:
            for friend in friends:
                user_id, status = friend["user_id"], friend.get("status") or "following"
                db.execute(
                    "INSERT OR REPLACE INTO friends VALUES (?, ?, ?, ?)", (account, user_id, status, iso(now))
                )
                db.execute(
                    "INSERT INTO people VALUES (?, ?, ?, ?, NULL) ON CONFLICT (user_id) DO UPDATE SET"
                    " name = COALESCE(?, name), colour = COALESCE(?, colour),"
                    " language = COALESCE(?, language)",
                    (
                        user_id,
                        friend.get("display_name") or name_of(user_id),
                        friend.get("colour") or colour_of(user_id),
                        friend.get("language") or "ja",
                        friend.get("display_name"),
                        friend.get("colour"),
                        friend.get("language"),
                    ),
                )
                self._friends.setdefault(account, {})[user_id] = status

    def person(self, user_id: str) -> dict[str, str]:
        """Name, colour and language of a user."""
        row = self._store.one("SELECT * FROM people WHERE user_id = ?", user_id)
        if row is None:
            return {"name": name_of(user_id), "colour": colour_of(user_id), "language": "ja"}
        return {"name": row["name"], "colour": row["colour"], "language": row["language"]}

    def friends(self, account: str, search: str = "", limit: int = 100) -> list[dict[str, Any]]:
        """Friends whose name or id holds ``search``: who did something last comes first, then the newest."""
        rows = self._store.all(
            "SELECT f.user_id, f.status, f.at, p.name, p.colour FROM friends f JOIN people p USING (user_id)"
            " LEFT JOIN (SELECT chat, MAX(seq) AS last FROM events WHERE account = ? GROUP BY chat) e"
            " ON e.chat = f.user_id"
            " WHERE f.account = ? AND (instr(p.name, ?) OR instr(f.user_id, ?))"
            " ORDER BY e.last DESC, f.at DESC LIMIT ?",
            account,
            account,
            search,
            search,
            limit,
        )
        return [
            {
                "user_id": row["user_id"],
                "status": row["status"],
                "at": row["at"],
                "display_name": row["name"],
                "colour": row["colour"],
            }
            for row in rows
        ]

    def following(self, account: str) -> list[str]:
        """The ids of all friends who have not blocked, in order of id."""
        return sorted(user for user, status in self.statuses(account).items() if status == "following")
