"""Members and links as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

MOST_FRIENDS = 10
MEMBER = "member:"
"""How the name begins under which an event of a member waits for friends (``FriendEvent.user_id``)."""

Way = Literal["api", "import", "account_link", "login", "liff", "friend"]
"""By what a friend was linked or unlinked."""


@dataclass(frozen=True)
class Link:
    """Whom a friend is linked with. ``v`` grows with every change and is never used twice.

    ``place``: the number under which the member knows the friend. ``at``: when it became so. ``grant``: what
    LINE Login left with us, sealed, so that it can be withdrawn; ``withdraw``: those that have to be.
    """

    v: int = 0
    member: str | None = None
    place: int = 0
    at: str = ""
    way: str = ""
    grant: str | None = None
    withdraw: tuple[str, ...] = ()

    def holds(self, member: str, place: int) -> bool:
        """Whether this is the link that a place was made for."""
        return self.member == member and self.place == place


@dataclass(frozen=True)
class Member:
    """A member. ``v``: which state of rank and attributes it is; ``places``: the numbers of the friends who
    are linked, or were about to be, by user id; ``has_events``: something was reported of them.
    """

    id: str
    rank: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    v: int = 0
    at: str = ""
    created_at: str = ""
    fire: bool = True
    places: dict[str, int] = field(default_factory=dict)
    is_being_deleted: bool = False
    has_events: bool = False
    rev: int = 0

    @property
    def exists(self) -> bool:
        """Whether it was put, and not deleted since."""
        return self.v > 0 and not self.is_being_deleted


def addressee(member: str) -> str:
    """The name under which an event of a member is known until friends have it. No user id has a space."""
    return f"{MEMBER} {member}"


def member_of(name: str) -> str | None:
    """The member of an addressee; None: it is a friend."""
    return name.removeprefix(f"{MEMBER} ") if name.startswith(f"{MEMBER} ") else None
