"""What the reaction knows of an event that it has decided on already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chalicelib.shared.reasons import Kept
from chalicelib.sheets.model import Fact


@dataclass(frozen=True)
class Counted:
    """Of an event that the sheet holds already: the facts that it produced by itself then, and the trace of
    the form's question that it answered, and why it was history then.
    """

    facts: list[Fact]
    answered: dict[str, Any] | None = None
    history: Kept | None = None
