"""Whether an edit of facts wakes what may reach friends: asked here, answered by whoever knows rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.accounts import access
from chalicelib.accounts.model import Principal
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.shared.errors import Detail

Judge = Callable[[Mapping[str, Any], Snapshot], Sequence[Detail]]
"""Of a patch (``facts``: those that come of it besides): what wakes what may reach friends, with the path."""

_judges: list[Judge] = []


def answered_by(judge: Judge) -> None:
    """Have this function judge patches."""
    _judges[:] = [judge]


def refuse(principal: Principal, patch: Mapping[str, Any], catalog: Snapshot) -> None:
    """Raises NotAllowed for an editor's patch that wakes what may reach friends."""
    [judge] = _judges  # nobody may patch while nobody judges
    access.refuse(principal, judge(patch, catalog))
