"""Reaching many friends at once by something else than a broadcast: above ``approval_above`` a second person
has to agree, and only a broadcast waits for one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from chalicelib.deliveries import policies
from chalicelib.gateways import clock
from chalicelib.segments import service
from chalicelib.shared.errors import NotAllowed
from chalicelib.shared.reasons import Reason


def refuse_many(account: str, *, user_ids: Collection[str] = (), condition: Any = None) -> None:
    """Raises NotAllowed when more friends are meant, by id or by a condition, than one person may reach:
    of an estimated audience, the most that it may have.
    """
    most = policies.approval_above(account)
    if most is None:
        return
    many = len(user_ids) if condition is None else service.count(account, condition, clock.now()).high
    if many > most:
        raise NotAllowed(Reason("one_person_reaches", n=many, most=most))
