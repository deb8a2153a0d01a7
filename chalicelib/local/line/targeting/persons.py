"""What LINE believes of a person, and what they do with a message. Made up, and always the same for one id.

Nobody here is asked: a crc32 of the id says how old somebody is, and one of the id and the request
whether they have looked at what it brought.
"""

from __future__ import annotations

import zlib
from typing import Any

GENDERS = ("male", "female")
AGES = (15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70)
APPS = ("ios", "android")
DAYS = (7, 30, 90, 180, 365)
SEEN, CLICKED = 60, 15
"""Of 100 who were sent something: so many look at it, so many tap a link in it."""


def _drawn(user: str, what: str, out_of: int) -> int:
    return zlib.crc32(f"{what}:{user}".encode()) % out_of


def persona(user: str) -> dict[str, Any]:
    """``gender``, ``age`` (its lower bound), ``app``, ``area`` (``jp_13``), ``days`` as a friend."""
    return {
        "gender": GENDERS[_drawn(user, "gender", 2)],
        "age": AGES[_drawn(user, "age", len(AGES))],
        "app": APPS[_drawn(user, "app", 2)],
        "area": f"jp_{_drawn(user, 'area', 47) + 1:02d}",
        "days": _drawn(user, "days", 500),
    }


def has_seen(user: str, request: str) -> bool:
    """Whether they looked at what a request (or unit) brought."""
    return _drawn(user, f"seen:{request}", 100) < SEEN


def has_clicked(user: str, request: str) -> bool:
    """Whether they tapped a link in it; who did has seen it."""
    return _drawn(user, f"seen:{request}", 100) < CLICKED
